// R1's last stage judges each row by its own kind: reasoning by rules, a general question by one reward model, helpful
// or harmless (r1.md 3.4 and 3.5). As a reward:
//   domain(reasoning: task+format, helpful: rm:A, harmless: rm:B) + language*0.1
// A row says its domain in its column "domain"; a row without one is of the first domain listed. A domain that is not
// listed makes a failed verdict, so that a misspelt row is seen.
#pragma once

#include <memory>
#include <string_view>

#include "reward/reward.h"

namespace r1 {

// `body`: what stands between the brackets. Throws r1::UsageError.
std::unique_ptr<Reward> make_domain_reward(std::string_view body, const RewardOptions& options);

// Where `wanted` next stands outside round brackets; text.size() where it does not.
size_t find_outside_brackets(std::string_view text, char wanted, size_t from);

}  // namespace r1
