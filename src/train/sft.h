// Supervised fine-tuning: mean over a step's learned tokens of -log p(token | before), AdamW.
#pragma once

#include <functional>
#include <string>

#include "base/options.h"
#include "train/options.h"

namespace r1 {

class PromptBuilder;
class TrainSession;
struct MemoryNeeds;

struct SftRun {
  SftOptions options;
  KeyValues recipe;         // every key as it counts, for the checkpoint
  std::string recipe_toml;  // the same, for people
  bool resume = false;
};

// What a verb built on SFT adds to it (pretrain.h); empty functions are not called.
struct SftExtras {
  std::string verb = "sft";
  bool texts_only = false;  // rows with a prompt are an error
  std::function<void(const PromptBuilder& prompts, MemoryNeeds& needs)> plan = nullptr;  // more that memory is for
  std::function<void(TrainSession& session)> begun = nullptr;    // the view is open, no step done in this process
  std::function<void(TrainSession& session)> stepped = nullptr;  // after each step
};

// Trains, writing options.out. Returns false when it was interrupted (and saved).
bool run_sft(const SftRun& run, const SftExtras& extras = {});

}  // namespace r1
