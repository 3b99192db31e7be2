// A user's own program as a reward: it reads a JSON object a line and answers with one.
#pragma once

#include <memory>
#include <string>

#include "reward/worker_reward.h"

namespace r1 {

// The program is started by /bin/sh at the first call and reads until its input ends. The first line says hello:
//
//   -> {"id":0,"v":1,"op":"init","adapter":"exec","target":"COMMAND","kwargs":{},"seed":0, and a sample as below}
//   <- {"op":"ready"}
//
// and then a line asks for many samples at once:
//
//   -> {"op":"score","id":12,"step":340,"prompts":[..],"completions":[..],"num_tokens":[..],"truncated":[..],
//       "completion_ids":[..],"columns":{"answer":[..]}}
//   <- {"id":12,"rewards":[1.0,null],"extra":{"extracted":[..]},"metrics":{"acc":0.5}}
//   <- {"id":12,"error":{"type":"..","message":".."}}   for all of them
//
// A program that answers the first line with any other object, or ends, is one for single samples: it need not know
// about the hello, which is an ordinary line to it. So is one that is silent for half of timeout_seconds, until a call
// to it has gone without an answer. It is started again, and reads
//
//   -> {"id":7,"prompt":"..","completion":"..","num_tokens":12,"truncated":false,"row":{..}}
//   <- {"id":7,"score":1.0}
//
// A reward is a number, a boolean, null (it does not apply), or an object {"score", "outcome" or "verdict", "reason",
// "extracted"}. outcome: correct (or right), wrong, no_answer, failed (or unverifiable); without one, a score above 0
// is correct and any other wrong. Replies may come in any order. Lines that are no reply are passed over, so a program
// may print; its standard error is the trainer's. What becomes of faults: worker_reward.h.
//
// Throws r1::UsageError for an empty command or a time that is not positive.
std::unique_ptr<Reward> make_exec_reward(const std::string& command, double timeout_seconds);

}  // namespace r1
