// The GRPO family of losses as functions of log-probs, in the form TRL computes them (r1.md 1.1 to 1.5). What a loss
// gives is a weight a token, dloss/dlogp; the model's backward does the rest.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace r1 {

enum class LossType { grpo, bnpo, dapo, dr_grpo, cispo };
enum class RatioLevel { token, sequence };  // sequence: GSPO
enum class KlEstimator { k1, k2, k3 };

struct LossForm {
  LossType type = LossType::dapo;
  RatioLevel level = RatioLevel::token;
  double epsilon_low = 0.2, epsilon_high = 0.2;  // cispo: epsilon_high is the ratio's cap itself, as in TRL
  std::optional<double> delta;                   // two-sided clipping: ratio never above
  double beta = 0;
  KlEstimator kl = KlEstimator::k3;
  bool kl_times_ratio = false;  // DeepSeek-V3.2's unbiased KL
};

// The denominators of one optimiser step, known before the first backward: the same whatever the micro-batching.
struct LossCounts {
  double sequences = 1;              // completions of the step
  double tokens = 1;                 // completion tokens of the step
  double max_completion_length = 1;  // dr_grpo's constant
};

// One completion. Lengths agree; ref_logp may be empty when beta is 0.
struct LossSequence {
  std::span<const float> new_logp, old_logp, ref_logp;
  double advantage = 0;
  std::span<const float> weights = {};           // of each token's policy term, constants; empty: 1
  std::span<const float> token_advantages = {};  // instead of `advantage`, a value a token; empty: none
};

struct LossSums {  // over the tokens of the sequences seen; divide by tokens for means
  double loss = 0, kl = 0;
  double tokens = 0;
  double clipped_low = 0, clipped_high = 0,
         cispo_clipped = 0;  // for sequence ratios a clipped sequence counts all its tokens
  double clipped_low_min = INFINITY, clipped_high_max = 0;  // shares of one sequence's tokens
  double ratio_min = INFINITY, ratio_max = 0, ratio_sum = 0;
  double ratios_bounded = 0;  // tokens whose log-ratio was beyond kLogRatioBound
};

// exp of a log-ratio goes no further than this many nats either way: one broken old log-prob must not turn the whole
// gradient into infinity. A ratio beyond it is taken at the bound and pulls on nothing. k3's exp goes on as its tangent
// there, so that the pull towards the reference keeps its sign.
constexpr double kLogRatioBound = 20;

// What one token's term is multiplied with: the form's mean over the step.
double token_weight(const LossForm& form, const LossCounts& counts, double sequence_length);

// Adds the sequence's share of the loss to `sums` and writes dloss/dlogp a token.
void sequence_loss(const LossForm& form, const LossCounts& counts, const LossSequence& sequence, std::span<float> dlogp,
                   LossSums& sums);

// Human-readable formula with its constants.
std::string formula_text(const LossForm& form, const std::string& scale_rewards, double max_completion_length);

// ---- advantages: r - mean, divided by the sample standard deviation (+1e-4) of the group, of the batch, or not at
// all.
enum class ScaleRewards { group, batch, none };

// rewards in groups of any size; NaN marks a failed verdict, which leaves its group (advantage 0, not counted).
std::vector<double> group_advantages(const std::vector<std::vector<double>>& rewards, ScaleRewards scale,
                                     std::vector<std::vector<double>>& out);

}  // namespace r1
