// GRPO: prompts -> groups of samples -> verdicts -> advantages -> updates (DESIGN section 3; r1.md 1.6).
#pragma once

#include "base/options.h"
#include "train/options.h"

namespace r1 {

struct GrpoRun {
  GrpoOptions options;
  KeyValues recipe;         // every key as it counts, for the checkpoint
  std::string recipe_toml;  // the same, for people
  bool resume = false;
};

// Trains, writing options.out. Returns false when it was interrupted (and saved).
bool run_grpo(const GrpoRun& run);

}  // namespace r1
