// The rule rewards one by one: verdicts of one completion, or of one prompt's samples. reward.cc combines them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reward/reward.h"

namespace r1 {

using Rule = Verdict (*)(const RewardInput&, const RewardOptions&);
Verdict math_rule(const RewardInput& in, const RewardOptions& options);
Verdict format_rule(const RewardInput& in, const RewardOptions& options);
Verdict tag_count_rule(const RewardInput& in, const RewardOptions& options);
Verdict language_rule(const RewardInput& in, const RewardOptions& options);
Verdict length_rule(const RewardInput& in, const RewardOptions& options);
Verdict repetition_rule(const RewardInput& in, const RewardOptions& options);
Verdict filters_rule(const RewardInput& in, const RewardOptions& options);

// Rules that need to know whether the answer is right. A failed verdict in `right` fails here, too.
using ShapedRule = std::vector<Verdict> (*)(std::span<const RewardInput>, std::span<const Verdict> right,
                                            const RewardOptions&);
std::vector<Verdict> cosine_rule(std::span<const RewardInput> in, std::span<const Verdict> right,
                                 const RewardOptions& options);
std::vector<Verdict> kimi_rule(std::span<const RewardInput> in, std::span<const Verdict> right,
                               const RewardOptions& options);

}  // namespace r1
