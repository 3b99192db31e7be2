// OpenRLHF's remote reward models.
#pragma once

#include <memory>
#include <string>

#include "reward/reward.h"

namespace r1 {

// `urls`: one or more of http(s)://HOST/PATH, joined by commas; the samples of a call are shared among them. Each gets
//   POST {"query":["prompt and response",..],"prompts":[..],"labels":[..]}
// and answers {"rewards":[..]} with optional "scores" (what is right: above 0) and "extra_logs" (lists of numbers).
// A bearer token is read from the environment variable R1_REWARD_TOKEN.
//
// What does not come about within the time, after five tries, is `failed`: no connection, a status that is not 2xx, a
// reply that is no such object or has another number of rewards. null and NaN leave a sample out.
//
// Throws r1::UsageError for an address of another kind. judge() throws nothing and is for one thread at a time.
std::unique_ptr<Reward> make_http_reward(const std::string& urls, double timeout_seconds);

}  // namespace r1
