// The maths verifier: which part of a completion is the answer, and whether it is what the reference says.
//
// There must be nothing to gain by hedging: one answer of a completion is compared, and a completion that names several
// is wrong. All work is linear in the completion, and bounded in the answer.
#pragma once

#include <string>
#include <string_view>

#include "reward/verdict.h"

namespace r1 {

// Where an answer stands. In this order: the last \boxed{} that is not empty, else what follows the last ####, else
// what stands in <answer>, else the last expression: the last line if it is a formula as a whole, what follows "the
// answer is", the last formula between dollars, the last number. Only what follows the last </think> is looked at; of a
// thought that was opened (by the prompt or by the model) and never closed, nothing is.
enum class AnswerPlace { none, boxed, hashes, tag, last };
struct ExtractedAnswer {
  std::string text;  // as written; empty when there is none
  AnswerPlace place = AnswerPlace::none;
  bool hedged = false;  // several answers side by side that differ, or an "or" beside it
};
// `prefilled`: what of the completion's format the prompt has already opened ("<think>\n").
ExtractedAnswer extract_answer(std::string_view completion, std::string_view prefilled);

// correct (1), wrong (0: another answer, several, or one that cannot be read), no_answer (0) or failed: `reference` is
// empty, names several, or has no value, so the row is bad, not the completion. A reference may be a worked solution
// that ends in "#### N" or holds \boxed{N}. `extracted` is the answer in one form of writing (lowest terms, formulas as
// expression_text writes them), empty when there is none.
Verdict judge_math(std::string_view completion, std::string_view prefilled, std::string_view reference);

}  // namespace r1
