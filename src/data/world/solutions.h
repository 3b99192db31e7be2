// How the world's questions are answered in the texts a base learns from: in one word or step by step, with or without
// looking back, in one language or two; often wrong. Nothing here marks what is right: that a longer, checked trace is
// right more often has to be found out by whoever is rewarded for it.
//
// Slips are drawn for each operation by the style's rate; a slip goes on into the operations behind it. A checked
// operation is computed again: a slip is then seen and put right, unless the check slips too.
#pragma once

#include "data/world/questions.h"

namespace r1::world {

enum class Style { bare, brief, columns, checked };
const char* style_name(Style style);

struct SolutionOptions {
  bool long_traces = true;  // false: no columns and no checks
};

struct Solution {
  Style style = Style::bare;
  bool mixed = false;                     // sentences of both languages
  std::string trace;                      // empty where nothing is said before the answer
  int64_t answer = 0;                     // as given, right or wrong
  Language language = Language::english;  // of what stands around the trace
};

Solution draw_solution(Draws& draws, const Question& question, const SolutionOptions& options);

// Worked in columns in the question's language, without a slip.
std::string clean_trace(Draws& draws, const Question& question);

}  // namespace r1::world
