// Pretraining: SFT's steps over texts, from random weights, all tokens learned; now and then held-out texts are scored
// and held-out questions asked. Texts are packed, and none sees another.
#pragma once

#include "train/sft.h"

namespace r1 {

struct PretrainOptions : SftOptions {
  PretrainOptions();
  int64_t eval_steps = 0;                     // 0: never; else every so many steps
  int64_t eval_rows = 256;                    // held-out texts
  std::string eval_data = "world:reasoning";  // held-out questions of it are asked; empty: none
  int64_t eval_questions = 100;
  std::string eval_reward = "auto";
  int64_t max_completion_length = 192;  // tokens of their answers
  void declare(OptionTable& table);
  void check() const;
};

// Files have a held-out side only when a fraction says so; generated data always have one.
bool has_held_out_side(const DataOptions& data);

struct PretrainRun {
  PretrainOptions options;
  KeyValues recipe;
  std::string recipe_toml;
  bool resume = false;
};

// Trains, writing options.out. Lines of metrics.jsonl beside SFT's: {"step","eval_loss","eval_tokens","eval_accuracy",
// "eval_ci95",...}; accuracy is that of one answer sampled at temperature 1. Returns false when it was interrupted (and
// saved).
bool run_pretrain(const PretrainRun& run);

}  // namespace r1
