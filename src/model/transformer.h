// The policy: embedding, layers, final norm, head. One forward for sampling, scoring and training; backward beside it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernels/head.h"
#include "model/adapter.h"
#include "model/kv_cache.h"
#include "model/layer.h"
#include "model/parameters.h"

namespace r1 {

enum class ModelUse { inference, training };

// What one forward pass works in. For training it keeps every layer's state and has pages of its own for its rows.
class Workspace {
 public:
  // Room for `rows` rows and `selected` rows that reach the head.
  Workspace(const Compute& compute, const ModelConfig& config, int64_t rows, int64_t selected, ModelUse use);
  static size_t bytes(const Compute& compute, const ModelConfig& config, int64_t rows, int64_t selected, ModelUse use);
  int64_t rows() const { return rows_; }
  int64_t selected() const { return selected_; }

 private:
  friend class Transformer;
  LayerState& state(int64_t layer) { return *states_[states_.size() == 1 ? 0 : static_cast<size_t>(layer)]; }

  int64_t rows_, selected_;
  std::vector<std::unique_ptr<LayerState>> states_;
  LayerScratch scratch_;
  Tensor x_out;           // (T, D) f32: the residual stream after the last layer
  Tensor picked;          // (N, D) f32: chosen rows of it
  Tensor picked_inv_rms;  // (N)
  Tensor hidden;          // (N, D) operand: normalised chosen rows, the head's input
  Tensor dx, d_picked;    // backward
};

class Transformer {
 public:
  // Takes the weights. With `use` training it has what backward needs of its head.
  Transformer(const ModelConfig& config, const Compute& compute, Tensor parameters, ModelUse use);

  // A copy for sampling whose layers multiply in eight bits (kernels/matmul_int8.h), packed from `source`'s weights as
  // they are now; repack() follows them later. Borrows `source`, with its weights and its head, for its lifetime.
  Transformer(const Transformer& source, Int8 multiplier);
  // A frozen model: `read` gives each weight where it is packed. Matrices are kept in packed copies alone; norms,
  // biases and the embedding, in float32, are all that parameters() holds. With an adapter, that is what is trained.
  struct Frozen {
    ReadParameter read;
    std::unique_ptr<AdapterLayout> adapter_layout;  // null: none
    Tensor adapter;                                 // a block of it
  };
  Transformer(const ModelConfig& config, const Compute& compute, Frozen frozen, ModelUse use);

  const ModelConfig& config() const { return config_; }
  const Compute& compute() const { return compute_; }
  // Of the whole model, frozen or not.
  const ParameterLayout& layout() const { return layout_; }
  // A block of layout(); not of a frozen model. Null for a copy, but for reading its source's.
  float* parameters();
  const float* parameters() const;
  // Null where there is none.
  const AdapterLayout* adapter_layout() const { return adapter_layout_.get(); }
  // What training moves: the adapter, or all parameters. Gradients and optimiser state are blocks of this layout.
  const BlockLayout& trained_layout() const;
  float* trained();
  const float* trained() const;
  // After the parameters changed: all packed copies anew.
  void repack();
  // Frees the layers' packed copies, before an update makes its buffers; false where there are none to free.
  bool drop_layers();
  // Packed copies of all layers for forward(), where they were dropped. Frees what updates alone need.
  void pack_layers();
  // Calls update(begin, end) for ranges that cover the block of trained parameters once, and packs what lies in each
  // while it is still in the cache, as far as copies are kept: behind forward_to_train() the head's alone.
  void update_and_pack(const std::function<void(int64_t begin, int64_t end)>& update);
  size_t packed_bytes() const;

  // Runs the batch through the layers and the final norm of the rows in `selected` (batch rows; repeats allowed). Keys
  // and values go to `cache`. The result is the head's input, (selected, D), valid until the workspace is used again.
  // Throws r1::Error for ids outside the vocabulary and positions beyond the context.
  // With its adapter off it is the base model.
  Operand forward(const Batch& batch, std::span<const int64_t> selected, KvCache& cache, Workspace& workspace,
                  AdapterUse adapter = AdapterUse::on) const;

  // The same in an update, where memory is short: the layers that are trained drop their packed copies, and each is
  // packed for the time of its pass. Costs some per cent of a micro-batch of a thousand tokens; the bits are the same.
  Operand forward_to_train(const Batch& batch, std::span<const int64_t> selected, KvCache& cache, Workspace& workspace);

  // After either with the same arguments: d_hidden (selected, D) is the gradient of forward's result before rounding;
  // adds to `gradients`, a block of trained_layout() (the head's own gradient is LmHead::backward's).
  void backward(const Batch& batch, std::span<const int64_t> selected, KvCache& cache, Workspace& workspace,
                TensorView<const float> d_hidden, float* gradients);

  // Throws r1::Error where there is none: a reward model cannot write.
  const LmHead& head() const;
  // (D) float32, of a reward model alone: model/scalar_head.h multiplies with it.
  const float* score_weight() const { return held() + held_.score(); }
  // Where the head's gradient goes in such a block; null where the head is frozen.
  float* head_gradient(float* gradients) const { return frozen_ ? nullptr : gradients + layout_.head(); }

 private:
  float* gradient_at(float* gradients, int64_t offset) const { return frozen_ ? nullptr : gradients + offset; }
  void make_head(ModelUse use);
  void embed(const Batch& batch, std::span<const int64_t> selected, Workspace& workspace, AdapterUse adapter) const;
  void run_layer(int64_t layer, const Batch& batch, BatchRows rows, KvCache& cache, Workspace& workspace) const;
  Operand pick(std::span<const int64_t> selected, Workspace& workspace) const;
  void pack_frozen(const ReadParameter& read);
  const float* held() const { return source_ != nullptr ? source_->held() : parameters_.as<float>(); }

  ModelConfig config_;
  Compute compute_;
  bool frozen_;
  ParameterLayout layout_, held_;  // held_: of parameters_
  Tensor parameters_;
  const Transformer* source_ = nullptr;
  std::unique_ptr<AdapterLayout> adapter_layout_;
  Tensor adapter_;
  RopeTable rope_;
  std::vector<Layer> layers_;
  bool layers_packed_ = true;  // with copies that are kept
  SpareBlocks spare_;
  std::optional<LmHead> head_;  // none in a copy, nor with a scalar head
};

// Reads config and weights of opened files. For inference the model is frozen, and an adapter that the files bring
// stays one: the bits are those of its training. For training of all parameters it is merged.
Transformer load_transformer(const ModelFiles& files, const Compute& compute, ModelUse use);

}  // namespace r1
