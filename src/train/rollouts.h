// One rollout of GRPO: prompts drawn, groups sampled, judged while sampling goes on, advantages set.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/json.h"
#include "data/environment.h"
#include "reward/reward.h"
#include "rollout/sampler.h"
#include "train/options.h"
#include "train/prompts.h"

namespace r1 {

struct JudgedGroup {
  Group group;
  Prompt prompt;
  std::vector<Verdict> verdicts;
  std::vector<nlohmann::ordered_json> episodes;  // their results where turns were taken, for looking; not in to_json
  bool spread = false;                           // rewards differ: the group teaches something
};

struct Rollout {
  int64_t number = 0;  // its place in the run, the step of its draws
  std::vector<JudgedGroup> groups;
  nlohmann::ordered_json metrics;  // TRL's names
  double seconds_rollout = 0, seconds_reward = 0;
  bool int8 = false;  // sampled by the policy's int8 copy: its log-probs are not the trainer's

  // Everything the updates need, exact, so that a run can go on in the middle of a rollout.
  nlohmann::ordered_json to_json() const;
  static Rollout from_json(const nlohmann::ordered_json& json);
};

class RolloutMaker {
 public:
  // Borrows all for its lifetime.
  RolloutMaker(const GrpoOptions& options, Sampler& sampler, const PromptBuilder& prompts,
               const std::vector<DataRow>& rows, Reward& reward);

  // Rollout `number` under the policy as it is. `progress(done)` after every finished sample. Rows follow one another
  // through the epochs' orders, so nothing but the number has to be kept. Throws r1::Error when every verdict failed,
  // or a larger share of them than max_failed_rewards.
  // The result has no groups when the run was interrupted.
  Rollout make(int64_t number, const std::function<void(int64_t)>& progress) const;

  // Samples with another one from now on; borrowed likewise.
  void use(Sampler& sampler) { sampler_ = &sampler; }

  // Draws other samples from now on: after the n-th rollback the same prompts are answered otherwise.
  void set_attempt(int64_t n) { attempt_ = n; }

  // The sampler in use, and what it is asked for in rollout `number`.
  Sampler& sampler() const { return *sampler_; }
  SamplingOptions sampling(int64_t number) const;

  // What a reward is told of group `place` of rollout `number`, but for the answer.
  RewardInput asked(int64_t number, int64_t place, const Prompt& prompt) const;

  double epoch_after(int64_t rollouts) const;
  // The row that group `place` of rollout `number` asks.
  const DataRow& row_at(int64_t number, int64_t place) const;

 private:
  void set_advantages(Rollout& rollout) const;
  void measure(Rollout& rollout) const;

  const GrpoOptions& options_;
  Sampler* sampler_;
  const PromptBuilder& prompts_;
  const std::vector<DataRow>& rows_;
  Reward& reward_;
  int64_t attempt_ = 0;
  std::unique_ptr<Environment> environment_;
};

}  // namespace r1
