// rm:FOLDER: a reward model as one reward among the others. The room of rewards knows no model, so the runs that use
// one hand it in through RewardOptions::prefixed.
#pragma once

#include <string>

#include "reward/reward.h"

namespace r1 {

// Adds what only training knows: rm:FOLDER (the folder's model, in `compute_dtype`), and "none", which has nothing to
// say (outcome no_answer, score 0).
//   The score is the model's, or its sigmoid (rm_score). The outcome is correct above 0 (sigmoid 1/2), else wrong.
//   What is scored is the scope saved in the folder: the whole completion, or its summary.
//   A completion longer than the model's context is a failed verdict.
// A model reward judges all samples of a rollout at once, when sampling is over: prompts are shared, and the cores are
// free.
void add_model_rewards(RewardOptions& options, const std::string& compute_dtype);

}  // namespace r1
