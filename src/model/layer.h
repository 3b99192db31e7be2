// One transformer layer, forward and backward side by side:
//   x_mid = x + W_o attention(rope(W_qkv rmsnorm(x)))        x_out = x_mid + W_down swiglu(W_gate_up rmsnorm(x_mid))
// What backward needs is saved explicitly in LayerState; the sampler runs the same forward with one state for all
// layers.
#pragma once

#include <functional>
#include <memory>

#include "kernels/matmul.h"
#include "kernels/rope.h"
#include "model/batch.h"
#include "model/linear.h"
#include "model/parameters.h"

namespace r1 {

// Buffers of one layer for up to `rows` rows (rounded up to a matmul bucket). T rows, D width, Q/K columns of queries
// and keys.
struct LayerState {
  LayerState(const Compute& compute, const ModelConfig& config, int64_t rows, bool training);
  static size_t bytes(const Compute& compute, const ModelConfig& config, int64_t rows, bool training);

  Tensor x_in;                // (T, D) f32: the residual stream coming in
  Tensor x_mid;               // (T, D) f32: after attention
  Tensor inv_rms1, inv_rms2;  // (T)
  Tensor q;                   // (T, Q) operand: normalised, rotated
  Tensor lse;                 // (T, heads)
  Tensor attended;            // (T, Q) operand
  Tensor gate_up;             // (T, 2 inner) operand; training only
  // q/k norm, training only:
  Tensor qkv;                   // (T, Q + 2K) f32, as the matmul gave them
  Tensor inv_rms_q, inv_rms_k;  // (T * heads), (T * kv heads)
};

// Buffers that no layer needs to keep.
struct LayerScratch {
  LayerScratch(const Compute& compute, const ModelConfig& config, int64_t rows, bool training);
  static size_t bytes(const Compute& compute, const ModelConfig& config, int64_t rows, bool training);

  Tensor sum;        // (T, D) f32: a matmul's result before the residual sum, or a gradient of a norm's output
  Tensor normed;     // (T, D) operand: backward computes it once more
  Tensor qkv;        // (T, Q + 2K) f32; backward: its gradient
  Tensor gate_up;    // (T, max(2 inner, Q)) f32; backward: the gradient of what attention or swiglu gave
  Tensor hidden;     // (T, inner) operand: swiglu; backward computes it once more
  Tensor qk;         // (T, Q + K) f32, q/k norm only: normalised and rotated; backward: its gradient
  Tensor inv_rms;    // (T, heads) f32, q/k norm without training
  Tensor d_operand;  // (T, max(D, Q + 2K, 2 inner)) operand, training only: a gradient as the next matmul's operand

  AdapterScratch adapters;  // empty where there are none
};

class Layer {
 public:
  Layer(const Compute& compute, const ModelConfig& config, const ParameterLayout::Layer& at, bool with_backward);

  // Packs the matrices of a parameter block anew. `parameters` must stay valid: norms and biases are read from it.
  void pack(const float* parameters);
  // Frees the packed copies of its matrices; lend() makes those of one pass again for the time until take_back().
  void drop();
  void lend(Pass pass, const float* parameters, SpareBlocks& spare);
  void take_back(SpareBlocks& spare);
  // A frozen layer: `held` is a block of the layout without matrices and must stay valid; read(offset, size) gives
  // matrices of the whole layout `at`, each until the next call.
  using ReadMatrix = std::function<const float*(int64_t offset, int64_t size)>;
  void pack_frozen(const float* held, const ParameterLayout::Layer& at, const ReadMatrix& read);
  void attach(const AdapterLayout& layout, const AdapterLayout::Layer& at, bool with_backward);
  // `adapter`: a block of the adapters' layout.
  void pack_adapter(const float* adapter);

  // x_out (T, D) from state.x_in, of `rows` alone; stores the rows' keys and values in `pages`. Threads may each take
  // rows of an independent batch with the same state and scratch. `next`: the layer that follows, if any.
  void forward(const Batch& batch, BatchRows rows, const RopeTable& rope, KvPages pages, LayerState& state,
               LayerScratch& scratch, TensorView<float> x_out, const Layer* next) const;

  // dx (T, D): gradient of x_out coming in, of x_in going out. gradients: block of the trained parameters, added
  // to: of the adapters where the layer is frozen.
  void backward(const Batch& batch, const RopeTable& rope, KvPages pages, LayerState& state, LayerScratch& scratch,
                TensorView<float> dx, float* gradients) const;

  size_t bytes() const { return qkv_.bytes() + o_.bytes() + gate_up_.bytes() + down_.bytes(); }

 private:
  bool frozen() const { return at_.qkv < 0; }
  // Of a norm or bias at `offset`.
  float* gradient_at(float* gradients, int64_t offset) const { return frozen() ? nullptr : gradients + offset; }
  // A part of a run, from the product's result on: bias, norms of heads, rotation; queries as an operand, keys and
  // values to their pages.
  void to_queries_and_keys(const SegmentRun& part, const Batch& batch, const RopeTable& rope, KvPages pages,
                           LayerState& state, LayerScratch& scratch) const;
  void backward_mlp(LayerState& state, LayerScratch& scratch, TensorView<float> dx, float* gradients) const;
  void backward_attention(const Batch& batch, const RopeTable& rope, KvPages pages, LayerState& state,
                          LayerScratch& scratch, TensorView<float> dx, float* gradients) const;

  Compute compute_;
  ModelConfig config_;
  ParameterLayout::Layer at_;
  Linear qkv_, o_, gate_up_, down_;
  const float* parameters_ = nullptr;
};

}  // namespace r1
