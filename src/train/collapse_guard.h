// The collapse guard: rules on what a step of GRPO measures. A run that breaks one for several steps, and has lost at
// least half of the reward it had won, has collapsed: it goes back to its last good checkpoint with half the learning
// rate and draws other samples from there (train/grpo.cc). After so many rollbacks it stops.
//
// A rule compares a step with the run's own first good steps (the baseline) where it says so:
//   kl          "kl" above guard_kl nats a token (only measured where beta > 0)
//   entropy     "rollout/entropy" below guard_entropy_low times the baseline, or guard_entropy_high times and 1 nat
//   above length      "completions/mean_length" above guard_length times the baseline, or below 1/guard_length of it
//   repetition  "completions/repetition" more than guard_repetition above the baseline
//   truncated   "completions/clipped_ratio" above guard_truncated, where the baseline is below half of that
//   clip ratio  "clip_ratio/region_mean" above guard_clip_ratio
//   gradient    "grad_norm" above guard_grad_norm times the baseline
// The reward counts beside them because a policy that has solved its task is certain, too, and one that learns to think
// grows longer: neither has collapsed. What is watched is a function of the metrics alone, so a resumed run decides the
// same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/options.h"

namespace r1 {

struct GuardOptions {
  int64_t rollbacks = 3;        // that a run may take; 0: the guard is off
  int64_t baseline_steps = 10;  // the first good steps that make the baseline
  int64_t patience = 3;         // steps in a row that break a rule
  // each off at 0
  double kl = 10, entropy_low = 0.02, entropy_high = 5, length = 10, repetition = 0.5, truncated = 0.95,
         clip_ratio = 0.5, grad_norm = 100;
  void declare(OptionTable& table);
  void check() const;
};

class CollapseGuard {
 public:
  // Borrows `options` for its lifetime.
  explicit CollapseGuard(const GuardOptions& options) : o_(options) {}

  // Looks at a step's metrics and adds guard/strikes and guard/rollbacks to them.
  void observe(nlohmann::ordered_json& metrics);

  // The run has collapsed with the last step; why() names the rule. Stays so until roll_back.
  bool collapsed() const { return o_.rollbacks > 0 && strikes_ >= o_.patience; }
  const std::string& why() const { return why_; }
  // Nothing speaks against the last step: what it left is good.
  bool steady() const { return strikes_ == 0; }
  int64_t rollbacks() const { return static_cast<int64_t>(history_.size()); }
  bool exhausted() const { return rollbacks() >= o_.rollbacks; }
  // What the schedule's learning rate is multiplied by: 1/2 a rollback.
  double rate_factor() const;

  nlohmann::ordered_json state() const;
  void restore(const nlohmann::ordered_json& state);
  // Whether a state is one of a steady run.
  static bool is_good(const nlohmann::ordered_json& state);
  // The run that fell behind step `fell` is back behind step `step`, where `state` was saved (null: the beginning). The
  // rollbacks so far are kept.
  void roll_back(const nlohmann::ordered_json& state, int64_t fell, int64_t step);
  // Of the last rollback, for people.
  std::string last_words() const;
  // `folder`/rollbacks.jsonl, a line a rollback: {"collapsed_at","back_to","why","rollback","learning_rate_factor"}. No
  // file where there was none. It is written anew from what checkpoints hold, so that a resumed run's is the same.
  void write_history(const std::string& folder) const;

 private:
  // Sums over the baseline's steps.
  struct Baseline {
    double steps = 0, reward = 0, entropy = 0, length = 0, repetition = 0, truncated = 0, grad_norm = 0;
  };
  std::string broken_rule(const nlohmann::ordered_json& metrics) const;
  bool lost_reward() const;
  void remember_reward(double reward);

  const GuardOptions& o_;
  Baseline base_;
  std::vector<double> recent_;  // rewards of the last `patience` steps
  double best_ = 0;             // highest mean of `patience` steps in a row, the last one being no strike
  bool has_best_ = false;
  int64_t strikes_ = 0;  // steps in a row, up to the last one, that broke a rule with the reward down
  std::string why_;      // of the last strike
  std::vector<nlohmann::ordered_json> history_;  // rollbacks
};

}  // namespace r1
