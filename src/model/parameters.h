// The weights: one float32 block, and named views into it. Gradients and optimiser state are blocks of the same layout.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "formats/model_files.h"
#include "model/config.h"
#include "tensor/tensor.h"

namespace r1 {

struct Parameter {
  std::string name;  // Hugging Face spelling
  std::vector<int64_t> shape;
  int64_t offset = 0, size = 0;  // in floats
  bool is_matrix() const { return shape.size() >= 2; }
};

// Named parameters, one behind the other in a block.
class BlockLayout {
 public:
  const std::vector<Parameter>& all() const { return all_; }  // by offset
  int64_t total() const { return total_; }
  // -1 when there is none of that name.
  int find(const std::string& name) const;

 protected:
  int64_t add(const std::string& name, std::vector<int64_t> shape);

 private:
  std::vector<Parameter> all_;
  int64_t total_ = 0;
};

// Where each parameter of a configuration lies. q, k and v of a layer are neighbours, so are gate and up: one matmul
// reads them.
class ParameterLayout : public BlockLayout {
 public:
  // `unpacked`: without what a frozen model keeps in packed copies alone, the layers' matrices and a head of its own;
  // their offsets are -1.
  enum class Holds { all, unpacked };
  explicit ParameterLayout(const ModelConfig& config, Holds holds = Holds::all);

  struct Layer {
    int64_t attention_norm, qkv, qkv_bias, q_norm, k_norm, o, mlp_norm, gate_up, down;
  };
  const std::vector<Layer>& layers() const { return layers_; }
  int64_t embedding() const { return embedding_; }
  int64_t final_norm() const { return final_norm_; }
  int64_t head() const { return head_; }    // = embedding() when tied
  int64_t score() const { return score_; }  // (1, width), last of all; -1 without a scalar head

 private:
  int64_t add_matrix(const std::string& name, std::vector<int64_t> shape);
  void add_layer(const ModelConfig& config, int64_t index);

  Holds holds_;
  std::vector<Layer> layers_;
  int64_t embedding_ = 0, final_norm_ = 0, head_ = 0, score_ = -1;
};

// Gives one parameter's value on demand: weights that are kept in packed copies alone are read where they are packed.
using ReadParameter = std::function<void(const Parameter& p, float* to)>;

// The files' own weights (an adapter's base), each parameter checked at once as load_parameters does. Borrows `files`.
ReadParameter weights_of(const ParameterLayout& layout, const ModelFiles& files);

// Whether `tensors` has every parameter of a layout in its shape, and no other: else an error by name. Nothing is read.
void check_tensors(const BlockLayout& layout, const TensorSource& tensors, const std::string& path,
                   const std::string& source);

// Reads every parameter of a layout from `tensors`; a missing, surplus or misshapen one is an error by name. `path` and
// `source`, where shapes come from, are for messages.
Tensor load_block(const BlockLayout& layout, const TensorSource& tensors, const std::string& path,
                  const std::string& source);

// Reads every parameter of the layout; a missing, surplus or misshapen tensor is an error by name (file, tensor, got,
// expected). An adapter that the files bring is merged into its base.
Tensor load_parameters(const ParameterLayout& layout, const ModelFiles& files);

// Random weights: matrices normal with deviation 0.02 (residual projections divided by sqrt(2 layers)), norms 1, biases
// 0.
Tensor random_parameters(const ParameterLayout& layout, const ModelConfig& config, uint64_t seed);

// The parameters as named tensors for writing; borrow `block`.
std::vector<NamedTensor> named_tensors(const BlockLayout& layout, const float* block);

}  // namespace r1
