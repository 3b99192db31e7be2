// What a user's function or program said, kept in a run's folder.
#pragma once

#include <memory>
#include <string>

#include "reward/reward.h"

namespace r1 {

// As `reward`, and every verdict becomes a line of the journal (verdict_journal.h), with `spec` as "by" and a key over
// spec, prompt, completion and row. A record alone: users' functions may depend on what is not in there, so they are
// always asked again. Throws r1::Error when the file cannot be opened.
std::unique_ptr<Reward> make_journaled_reward(std::unique_ptr<Reward> reward, const std::string& spec,
                                              const std::string& path);

}  // namespace r1
