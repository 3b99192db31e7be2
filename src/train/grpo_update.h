// One optimiser step of GRPO on part of a rollout.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "model/floors.h"
#include "train/losses.h"
#include "train/policy.h"
#include "train/rollouts.h"

namespace r1 {

// A completion of a rollout: group and place in it.
struct SampleIndex {
  size_t group = 0, sample = 0;
};

// The rollout's completions cut into `parts` minibatches: groups in an order drawn by (seed, rollout), their samples
// side by side, so that a prompt is seldom computed twice (R1: 8,192 outputs, 16 minibatches).
std::vector<std::vector<SampleIndex>> cut_into_minibatches(const Rollout& rollout, size_t parts, uint64_t seed);

struct UpdateInputs {
  const Rollout* rollout = nullptr;
  std::span<const SampleIndex> minibatch = {};
  LossForm form = {};
  double entropy_coef = 0;
  bool mask_truncated = false;
  int64_t max_completion_length = 0, micro_batch_tokens = 0;
  bool same_policy = false;          // nothing moved since sampling: ratio 1 to the last bit is asserted
  Transformer* reference = nullptr;  // for beta > 0; the policy's own model: its base, with the adapter off
  // For samples of another policy (int8). Above 0: pi_old is this pass's own policy, and a token's term is weighed by
  // min(pi_old / pi_behaviour, cap). 0: pi_old is the policy that sampled.
  double importance_cap = 0;
};

// How far the policy that sampled is from the trainer's, over tokens. w = pi / pi_behaviour.
struct Mismatch {
  double kl = 0;                                           // sum of w - 1 - log w: k3 of KL(behaviour || pi)
  double weights = 0, squares = 0;                         // sums of w and w^2
  double used_min = INFINITY, used_max = 0, used_sum = 0;  // min(w, cap)
  // Tokens of as good a sample from pi itself, as a share (Kish).
  double effective_share(double tokens) const { return squares > 0 ? weights * weights / (tokens * squares) : 1; }
};

struct UpdateSums {
  LossSums loss;
  double entropy = 0;                         // summed over tokens
  double entropy_loss = 0;                    // what the bonus added to the loss
  double logp_gap_max = 0, logp_gap_sum = 0;  // |new - behaviour|, over tokens; exactly 0 when same_policy
  double sampler_ratio_min = INFINITY, sampler_ratio_max = 0, sampler_ratio_sum = 0;  // new / behaviour, over tokens
  double tokens = 0;                                                                  // trained on
  int64_t samples = 0;                                                                // trained on
  Work work;                                                                          // the same, as floors count it
  Mismatch mismatch;
};

// Forward and backward of the minibatch; gradients gather in the policy. Samples without advantage, failed ones and (if
// asked) truncated ones are left out of the passes; the means' denominators
// count sequences but the failed ones and tokens but those of failed and masked ones, as TRL's do. Throws r1::Error
// when same_policy and a log-prob differs from the sampler's: a bug, never to be trained through.
UpdateSums grpo_forward_backward(Policy& policy, const UpdateInputs& inputs);

}  // namespace r1
