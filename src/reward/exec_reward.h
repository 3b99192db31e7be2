// A user's own reward: any program that reads a JSON object a line and answers with one.
#pragma once

#include <memory>
#include <string>

#include "reward/reward.h"

namespace r1 {

// Lines to the program: {"id","prompt","completion","num_tokens","truncated","row"}. Lines back, in any order:
// {"id","score"} with optional "outcome" (correct, wrong, no_answer, failed) and "reason". A null score, a crash, a
// hang, junk or a line too long give `failed` verdicts for what was still open; the program is started again for the
// next call.
std::unique_ptr<Reward> make_exec_reward(const std::string& command, double timeout_seconds);

}  // namespace r1
