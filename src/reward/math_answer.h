// The maths verifier: which part of a completion is the answer, and whether it equals the reference exactly.
#pragma once

#include <string>
#include <string_view>

#include "reward/verdict.h"

namespace r1 {

// What of the completion is its answer: inside <answer>, else the last \boxed{}, else after the last ####, else the
// last number after the thought. Empty when there is none; `exact` tells whether the place was marked (then the whole
// of it must be a number).
struct ExtractedAnswer {
  std::string text;
  bool exact = false;
};
ExtractedAnswer extract_answer(std::string_view completion, std::string_view prefilled);

// `reference` unreadable gives `failed`: the row is bad, not the completion.
Verdict judge_math(std::string_view completion, std::string_view prefilled, std::string_view reference);

}  // namespace r1
