// What makes a right answer a readable one (r1.md 3.1, 3.3), and the summary that a cold-start trace ends with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reward/shaping.h"

namespace r1 {

struct TraceFilters {
  bool language = false, paragraphs = false, code = false, repetition = false, summary = false;
  FilterLimits limits;
  int64_t repetition_n_grams = 3;
  double max_repetition = 0.3;  // share of repeated n-grams that passes
};
// "language,code": any of language, paragraphs, code, repetition, summary; "none" or "". Throws r1::UsageError.
TraceFilters parse_filters(const std::string& names);

// Empty when the trace passes; else mixed_language, long_paragraph, code_block, repetition or no_summary. `language` is
// that of the question. `prefilled` as in RewardInput.
std::string dropped_for(const std::string& completion, const std::string& prefilled, const std::string& language,
                        const TraceFilters& filters);

// "The answer is 42." in a language that language.h knows; English for others.
std::string answer_sentence(const std::string& language, const std::string& answer);

// `text` with every {name} of `values` put in; other braces stay.
std::string filled_in(std::string text, const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace r1
