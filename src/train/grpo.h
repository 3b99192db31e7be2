// GRPO: prompts -> groups of samples -> verdicts -> advantages -> updates (DESIGN section 3; r1.md 1.6).
#pragma once

#include <functional>
#include <string>

#include "base/options.h"
#include "train/options.h"
#include "train/rollouts.h"

namespace r1 {

struct GrpoRun {
  GrpoOptions options;
  KeyValues recipe;         // every key as it counts, for the checkpoint
  std::string recipe_toml;  // the same, for people
  bool resume = false;
  // Called with every rollout when its verdicts are there, e.g. to give its tokens advantages of their own. May be
  // empty. The policy has not moved since it sampled.
  std::function<void(Rollout& rollout)> after_rollout;
  std::string verb = "grpo";  // for messages
};

// Trains, writing options.out. Returns false when it was interrupted (and saved).
bool run_grpo(const GrpoRun& run);

}  // namespace r1
