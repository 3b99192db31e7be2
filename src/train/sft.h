// Supervised fine-tuning: mean over a step's learned tokens of -log p(token | before), AdamW.
#pragma once

#include <string>

#include "base/options.h"
#include "train/options.h"

namespace r1 {

struct SftRun {
  SftOptions options;
  KeyValues recipe;         // every key as it counts, for the checkpoint
  std::string recipe_toml;  // the same, for people
  bool resume = false;
  std::string verb = "sft";  // for messages
};

// Trains, writing options.out. Returns false when it was interrupted (and saved).
bool run_sft(const SftRun& run);

}  // namespace r1
