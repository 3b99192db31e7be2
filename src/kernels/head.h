// The language-model head: logits, log-softmax, loss and sampling fused over tiles of the vocabulary, on chosen rows. A
// tile of logits lives only while it is used; there is never a logits matrix. Tiles and the order inside them depend on
// the vocabulary alone, so the log-prob recorded while sampling is, bit for bit, the one training computes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/philox.h"
#include "kernels/compute.h"
#include "kernels/matmul.h"

namespace r1 {

constexpr int64_t kHeadTile = 2048;  // vocabulary entries
constexpr int64_t kHeadRows = 512;   // rows that share a tile of logits

// Log-softmax of a row, reduced: what scoring and training need.
struct HeadScore {
  float logp = 0;     // log p(target) at temperature 1
  float entropy = 0;  // of the distribution at temperature 1, nats
  float lse = 0;      // log sum exp of the logits
  bool top = false;   // no entry has a higher logit than the target
};

// How one row is sampled.
struct SampleSpec {
  float temperature = 1;   // 0: arg-max, ties to the lowest id
  int32_t top_k = 0;       // 0: off
  float top_p = 1;         // 1: off
  float min_p = 0;         // 0: off
  RandomPlace place = {};  // stage sampling; (seed, step, prompt, sample, token)
  bool filtered() const { return temperature > 0 && (top_k > 0 || top_p < 1 || min_p > 0); }
};

struct SampledToken {
  int32_t id = -1;
  float logp = 0;           // at temperature 1, no filter: the policy's log-prob
  float sampling_logp = 0;  // under the distribution it was drawn from; 0 at temperature 0
};

class LmHead {
 public:
  LmHead(const Compute& compute, int64_t vocabulary, int64_t width, bool with_backward);
  // w (vocabulary, width) float32.
  void pack(const float* w);
  // The same tile by tile: rows [tile * kHeadTile, ...) of w.
  int64_t tiles() const { return static_cast<int64_t>(tiles_.size()); }
  void pack_tile(int64_t tile, const float* w) {
    tiles_[static_cast<size_t>(tile)].pack(w + tile * kHeadTile * width_);
  }

  // Rows h (N, width) against their targets. scores has N entries.
  void score(Operand h, const int32_t* targets, HeadScore* scores) const;

  // Gradient of sum_i dlogp_i * logp_i (+ dentropy_i * entropy_i when given): dh (N, width) is overwritten, dw
  // (vocabulary, width) is added to unless it is null. Logits are computed again; scores are those of score(). Rows of
  // h beyond N are zeroed.
  struct Gradient {
    const float* dlogp;
    const float* dentropy = nullptr;
  };
  void backward(Operand h, const int32_t* targets, const HeadScore* scores, Gradient gradient, TensorView<float> dh,
                float* dw) const;

  // score() and backward() at once, where the gradients are known before the scores: logits of learn_rows() rows are
  // kept from one to the other, a quarter of the head's products less.
  void learn(Operand h, const int32_t* targets, Gradient gradient, HeadScore* scores, TensorView<float> dh,
             float* dw) const;
  static int64_t learn_rows(int64_t vocabulary);
  void free_row_logits() { row_logits_ = Tensor(); }

  // One token a row. With plain temperature the draw is fused with the tiles; filters keep their rows of logits.
  // Throws r1::Error when a row's logits are not finite.
  void sample(Operand h, std::span<const SampleSpec> specs, SampledToken* out) const;

  // All logits of the rows, out (N, vocabulary): for checks against goldens only.
  void logits(Operand h, TensorView<float> out) const;

  int64_t vocabulary() const { return vocabulary_; }
  size_t bytes() const;

 private:
  // body(first row, rows, first id, logits) for every slice of rows and, inside, every tile in order.
  using TileBody = std::function<void(int64_t row, int64_t rows, int64_t tile, TensorView<float> logits)>;
  void for_each_tile(Operand h, const TileBody& body) const;
  // The same where nothing is summed over rows: threads may each take a share of them through all tiles.
  void for_each_tile_of_shares(Operand h, const TileBody& body) const;
  void run_tiles(Operand h, int64_t row, int64_t rows, const TileBody& body) const;
  struct Scoring;
  void check_targets(Operand h, const int32_t* targets) const;
  void score_tile(int64_t row, int64_t tile, TensorView<float> logits, const int32_t* targets, Scoring& scoring,
                  HeadScore* scores) const;
  void gradient_tile(int64_t row, int64_t tile, TensorView<float> logits, Operand h, const int32_t* targets,
                     const HeadScore* scores, Gradient gradient, TensorView<float> dh, float* dw) const;

  Compute compute_;
  int64_t vocabulary_, width_;
  std::vector<PackedMatrix> tiles_;
  mutable Tensor logits_, dlogits_;  // one tile of one slice
  mutable Tensor row_logits_;        // tile after tile, (learn_rows, tile) each; made when first needed
};

}  // namespace r1
