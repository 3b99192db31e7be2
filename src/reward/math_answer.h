// The maths verifier: which part of a completion is the answer, and whether it equals the reference exactly.
//
// There must be nothing to gain by hedging: one value of a completion is compared, and a completion that does not
// commit to one value has no answer. All work is linear in the completion.
#pragma once

#include <string>
#include <string_view>

#include "reward/verdict.h"

namespace r1 {

// What of the completion is its answer, in this order: what stands in <answer>, else in the last \boxed{}, else behind
// the last ####, else the last number. Only what follows the last </think> is looked at; of a thought that was opened
// (by the prompt or by the model) and never closed, nothing is.
struct ExtractedAnswer {
  std::string text;     // as written; empty when there is none
  bool marked = false;  // the place was marked: the whole of it must be one number
  bool hedged = false;  // several answers: tags repeated, boxes or #### in a row that differ, a list of numbers
};
// `prefilled`: what of the completion's format the prompt has already opened ("<think>\n").
ExtractedAnswer extract_answer(std::string_view completion, std::string_view prefilled);

// correct (1), wrong (0: another number), no_answer (0: none, several, or none that can be read) or failed: `reference`
// is not one number, so the row is bad, not the completion. A reference may be a worked solution that ends in "#### N"
// or holds one \boxed{N}. `extracted` is the answer in canonical form (number_text), empty when there is none.
Verdict judge_math(std::string_view completion, std::string_view prefilled, std::string_view reference);

}  // namespace r1
