// A model with the gradients and optimiser state of what it trains: forward over a micro-batch, backward of a loss
// given per token, one update a step.
#pragma once

#include <memory>
#include <vector>

#include "model/transformer.h"
#include "train/optimizer.h"
#include "train/packing.h"

namespace r1 {

struct UpdateOptions {
  double learning_rate = 1e-6;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;   // on tensors of two or more dimensions
  double max_grad_norm = 1;  // 0: no clipping
  uint64_t seed = 0;         // of stochastic rounding (adamw_bf16)
};

class Policy {
 public:
  // With adamw_bf16 the matrices of `model` must hold bf16's numbers already (round_weights).
  explicit Policy(Transformer& model, Optim optim = Optim::adamw);

  // Makes room for micro-batches of so many rows, rows that reach the head, and pages, so that no step has to. Larger
  // ones still find their room.
  void reserve(int64_t rows, int64_t selected, int64_t pages);

  // Log-prob, entropy and normaliser of every learned token of the micro-batch; keeps what backward needs.
  const std::vector<HeadScore>& forward(const MicroBatch& batch);
  // After forward of the same micro-batch: adds the gradient of sum dlogp_i logp_i (+ dentropy_i entropy_i). Tokens
  // without weight cost nothing in the head. `dentropy` may be empty.
  void backward(const MicroBatch& batch, const std::vector<float>& dlogp, const std::vector<float>& dentropy = {});
  // Both at once, where dlogp and dentropy are known before the scores; the same gradient, with one product of the head
  // less.
  const std::vector<HeadScore>& learn(const MicroBatch& batch, const std::vector<float>& dlogp,
                                      const std::vector<float>& dentropy = {});
  // Of a reward model: a score a learned token's place, which is the row before it (reward_batch.h), and the gradient
  // of sum dscore_i score_i.
  const std::vector<float>& forward_scores(const MicroBatch& batch);
  void backward_scores(const MicroBatch& batch, const std::vector<float>& dscore);
  // Clips the gathered gradient, updates, clears it, packs anew what is packed. Returns the norm before clipping.
  // Throws before anything moved when the gradient is not finite.
  double update(const UpdateOptions& options);
  // Before the model is sampled from or scores: gives back the memory that only updates need, gathered gradients too,
  // and packs the layers.
  void rest();

  Transformer& model() { return model_; }
  const Transformer& model() const { return model_; }
  float* gradients() { return gradients_.as<float>(); }
  OptimizerState& optimizer() { return optimizer_; }
  int64_t updates() const { return updates_; }
  void set_updates(int64_t n) { updates_ = n; }

 private:
  Transformer& model_;
  Tensor gradients_;
  OptimizerState optimizer_;
  int64_t updates_ = 0;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<KvCache> cache_;
  int32_t cache_pages_ = 0;
  std::vector<HeadScore> scores_;
  void run_layers(const MicroBatch& batch);  // to hidden_

  std::vector<float> scalar_scores_;
  Operand hidden_;
  Tensor d_hidden_;
};

// Log-probs of learned tokens without keeping anything: scoring with another model, or with the policy's base (the
// reference).
class Scorer {
 public:
  explicit Scorer(const Transformer& model, AdapterUse adapter = AdapterUse::on) : model_(model), adapter_(adapter) {}
  std::vector<HeadScore> score(const MicroBatch& batch);
  std::vector<float> score_scalar(const MicroBatch& batch);  // as Policy::forward_scores

 private:
  Operand forward(const MicroBatch& batch);

  const Transformer& model_;
  AdapterUse adapter_;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<KvCache> cache_;
  int32_t cache_pages_ = 0;
};

}  // namespace r1
