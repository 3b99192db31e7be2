// A user's own reward: any program that reads a JSON object a line and answers with one.
#pragma once

#include <memory>
#include <string>

#include "reward/reward.h"

namespace r1 {

// The program is started by /bin/sh, once, at the first call; it reads and answers until its input ends.
//
// Lines to it:  {"id":7,"prompt":"..","completion":"..","num_tokens":12,"truncated":false,"row":{..}}
// Lines back, in any order, each flushed:
//               {"id":7,"score":1.0}   and optionally "outcome" (or "verdict") and "reason"
// outcome: correct (or right), wrong, no_answer, failed (or unverifiable); without one, a score above 0 is correct and
// any other wrong. A score may be a boolean. Lines that are no reply are passed over, so a program may print; its
// standard error is the trainer's.
//
// `failed` verdicts, never a score of 0, for: a score that is null, NaN, infinite or absent, an {"error":".."}, an
// outcome of another name; a program that ends, or writes a line above 1 MB, before it has answered (it is started
// again, the oldest open completion is given up and the others are asked again; after three starts without an answer
// all are given up); and for all that is open when a call has taken `timeout_seconds` or the program has written 64 MB.
// Whenever the program is given up, its whole process group is killed; at the end its input is closed and it has half a
// second.
//
// Throws r1::UsageError for an empty command or a time that is not positive. judge() throws nothing and must not be
// called by two threads at once.
std::unique_ptr<Reward> make_exec_reward(const std::string& command, double timeout_seconds);

}  // namespace r1
