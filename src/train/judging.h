// Verdicts while sampling goes on: finished samples are handed over and judged in the background.
#pragma once

#include <memory>
#include <vector>

#include "base/background.h"
#include "reward/reward.h"

namespace r1 {

class AsyncJudge {
 public:
  // Borrows `reward`. `count` verdicts are expected.
  AsyncJudge(Reward& reward, size_t count);
  // Hands input `index` over. Inputs are judged in small batches, or all together when the reward compares samples.
  void submit(size_t index, RewardInput input);
  // All verdicts by index, once everything submitted is judged. An index that was never submitted stays `failed`.
  std::vector<Verdict> finish();
  // Seconds that finish() waited: what was not hidden behind the rollout.
  double seconds_waited() const { return waited_; }

 private:
  void send();
  void put_in_order();

  Reward& reward_;
  std::vector<Verdict> verdicts_;
  std::vector<size_t> indices_;
  std::vector<RewardInput> inputs_;
  double waited_ = 0;
  BackgroundQueue queue_;  // last: its thread ends before what it writes to goes
};

}  // namespace r1
