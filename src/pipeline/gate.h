// "Go on only if": a rule on a stage's numbers, held with 95 % confidence where the number has an interval.
#pragma once

#include <string>

#include "base/json.h"

namespace r1 {

// NUMBER >= VALUE or NUMBER <= VALUE; NUMBER is a name of the evaluation, with dots into what it holds ("accuracy",
// "language_consistency", "general.accuracy"). An accuracy has to hold at the near end of its interval ("ci95" beside
// it): below it, the stage is not good enough with 95 % confidence.
struct Gate {
  std::string number;
  bool at_least = true;
  double value = 0;
};

// Throws r1::UsageError.
Gate parse_gate(const std::string& text);

struct GateResult {
  bool passed = false;
  std::string text;  // "accuracy 0.412 (95 %: 0.369 to 0.456) >= 0.35"
};
// Throws r1::Error when the evaluation has no such number.
GateResult hold_against(const Gate& gate, const nlohmann::ordered_json& numbers);

}  // namespace r1
