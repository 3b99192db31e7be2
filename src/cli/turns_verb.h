// r1 generate for samples of several turns: games, and prompts whose answers may call a tool.
#pragma once

#include <string>

#include "cli/verbs.h"
#include "data/environment.h"
#include "rollout/sampler.h"
#include "train/self_check_run.h"

namespace r1 {

struct TurnFlags : GenerateFlags {
  std::string data;  // instead of a prompt
  EnvironmentOptions environment;
  bool self_check = false;  // watch the steps (SelfCheckKeys)
  SelfCheckKeys watch;
};
int run_generate_turns(const TurnFlags& flags);
// A prompt answered with self-check.
int run_generate_checked(const TurnFlags& flags);

// Throws r1::UsageError for flags out of range.
SamplingOptions sampling_of(const GenerateFlags& flags);

}  // namespace r1
