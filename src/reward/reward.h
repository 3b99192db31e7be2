// Rule rewards by name, combined in one place. Knows no model: text and ids in, verdicts out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "reward/verdict.h"

namespace r1 {

// What a reward may look at.
struct RewardInput {
  std::string prompt;          // rendered prompt text
  std::string completion;      // text after the prompt, special tokens removed
  std::string prefilled;       // what of the completion's format the prompt already opened, e.g. "<think>\n"
  int64_t num_tokens = 0;      // completion length in tokens
  bool truncated = false;      // hit the length limit
  nlohmann::ordered_json row;  // the data set's row: answer, solution, ... as they came
};

class Reward {
 public:
  virtual ~Reward() = default;
  // One verdict an input, same order. Never throws for a bad completion; a checker that breaks is a `failed` verdict.
  virtual std::vector<Verdict> judge(std::span<const RewardInput> inputs) = 0;
  virtual std::string name() const = 0;
};

// `spec`: names joined by '+', each with an optional weight: "math", "math+format", "math*1+format*0.2", "length",
// "exec:CMD" (a user's program; alone or last, CMD is the rest of the string). Weighted sum of scores; the outcome is
// the first part's; any failed part makes the whole failed. `format` gives 1 or 0; `length` 0 down to -1. Throws
// r1::UsageError for an unknown name, with the nearest.
struct RewardOptions {
  int64_t max_completion_length = 0;  // for `length` (soft overlong punishment, DAPO eq. 13)
  int64_t soft_overlong_cache = 0;    // L_cache; 0: max_completion_length / 5
  double exec_timeout_seconds = 60;
};
std::unique_ptr<Reward> make_reward(const std::string& spec, const RewardOptions& options);

}  // namespace r1
