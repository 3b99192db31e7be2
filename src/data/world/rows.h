// The embedded world where training takes it: as data sets by name, and as a reward.
//
//   world:corpus?long_traces=1          texts to pretrain on; long_traces=0: bare and brief answers only
//   world:reasoning?kind=sum&language=zh questions with whole-number answers; with solutions=1 worked without a slip
//   world:general?kind=fact             chats: facts, short writing, who are you, how to make harmless things
//   world:preferences                   a question with a better and a worse answer; better by the rules of facts.h
//   world:safety                        questions about dangerous things, an answer, whether it is safe
//
// All take rows, held_out and seed as tasks:NAME does, and language=en|zh|both (but corpus). Row i is a function of
// (seed, i, side). Held-out questions are never training ones; identity, harmless and harmful have too few subjects to
// keep any apart.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "reward/reward.h"

namespace r1::world {

const std::vector<std::string>& world_sources();  // corpus, reasoning, ...

// Throws r1::UsageError for an unknown name or dial, with the nearest. Rows of reasoning that are held out are all
// different.
Dataset make_world_dataset(const std::string& source, TaskOptions options);

// Judges rows of world:reasoning (0 or 1), general and preferences (facts.h: correct when the answer is, the score what
// it is worth), safety (1 when safe; the whole completion counts).
std::unique_ptr<Reward> make_world_reward();

}  // namespace r1::world
