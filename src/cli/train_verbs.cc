#include "cli/train_run.h"
#include "train/grpo.h"
#include "train/pretrain.h"
#include "train/sft.h"

namespace r1 {

int run_sft_verb(const TrainFlags& flags) {
  const auto run = prepare<SftRun>(flags);
  return run_sft(run) ? 0 : 1;
}

int run_grpo_verb(const TrainFlags& flags) {
  const auto run = prepare<GrpoRun>(flags);
  return run_grpo(run) ? 0 : 1;
}

int run_pretrain_verb(const TrainFlags& flags) {
  const auto run = prepare<PretrainRun>(flags);
  return run_pretrain(run) ? 0 : 1;
}

std::string pretrain_keys_help() { return keys_help<PretrainOptions>(); }
std::string sft_keys_help() { return keys_help<SftOptions>(); }
std::string grpo_keys_help() { return keys_help<GrpoOptions>(); }

}  // namespace r1
