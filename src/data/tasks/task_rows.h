// Generated tasks where training takes them: as a data set, and as a reward.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "reward/reward.h"

namespace r1::tasks {

// `source`: tasks:NAME or games:NAME, optionally with dials, which go over `options`:
//   tasks:countdown?numbers=3-4&rows=1000&held_out=1&solutions=1&seed=7
// rows, held_out, solutions and seed are those of `options`; the others are the family's (`r1 tasks show NAME`). Rows
// carry "task", "question", "answer" and "meta", so that the reward "task" can judge them. Held-out rows are all
// different (fewer than `rows` where the dials allow no more). Unknown or bad dials are r1::UsageError.
Dataset make_family_dataset(const std::string& source, TaskOptions options);

// The families' own checkers, for rows of tasks:NAME (tasks:arithmetic too).
std::unique_ptr<Reward> make_task_reward();

}  // namespace r1::tasks

namespace r1 {

// The reward for a run on `data`. As make_reward, and more names: "task", the checker of the row's family;
// "game", how a game that was played ended; "world", that of rows of world:NAME; "auto", which is "task" for tasks:NAME
// (but "math" for tasks:arithmetic), "game" for games:NAME, "world" for world:NAME, the data set's own for rg:NAME, and
// "math" for anything else.
std::unique_ptr<Reward> make_reward_for(const std::string& data, const std::string& spec, RewardOptions options);

}  // namespace r1
