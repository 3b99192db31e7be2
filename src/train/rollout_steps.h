// A rollout's answers step by step: checked, valued by continuations where that is asked for, and their tokens given
// advantages of their own (step_advantages.h has the formulas).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "reward/reward.h"
#include "train/options.h"
#include "train/rollouts.h"
#include "train/step_advantages.h"

namespace r1 {

class RolloutSteps {
 public:
  // Whether the keys ask for anything that an advantage an answer is not.
  static bool wanted(const GrpoOptions& options) { return options.advantage != "outcome" || options.blame != "all"; }
  // What step_mc's continuations ask of the sampler at most, from what a rollout does.
  static SamplingLoad load(const GrpoOptions& options, const SamplingLoad& rollout);

  // Borrows all for its lifetime. Throws r1::Error where there is no tokenizer: steps are of text.
  RolloutSteps(const GrpoOptions& options, const RolloutMaker& maker, const Tokenizer* tokenizer, Reward& reward);

  // Sets the token advantages and adds to the metrics; continuations are drawn from the maker's sampler, whose policy
  // must not have moved, all in one call. Groups without spread are not valued. `progress(done, all)` after every
  // continuation. False: interrupted, nothing was changed.
  bool set_advantages(Rollout& rollout, const std::function<void(int64_t, int64_t)>& progress) const;

  std::string formula() const;

 private:
  struct Answer;
  struct Valued;
  Answer take_apart(const Rollout& rollout, size_t group, size_t sample) const;
  bool value_prefixes(Rollout& rollout, std::vector<std::vector<Answer>>& answers,
                      const std::function<void(int64_t, int64_t)>& progress) const;
  Valued prefixes_of(const Rollout& rollout, const std::vector<std::vector<Answer>>& answers) const;
  RewardInput input_of(const Rollout& rollout, const Valued& valued, size_t request, const Completion& more) const;

  const GrpoOptions& options_;
  const RolloutMaker& maker_;
  const Tokenizer& tokenizer_;
  Reward& reward_;
};

}  // namespace r1
