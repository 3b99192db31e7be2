// The weights: one float32 block, and named views into it. Gradients and optimiser state are blocks of the same layout.
#pragma once

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

// Where each parameter of a configuration lies. q, k and v of a layer are neighbours, so are gate and up: one matmul
// reads them.
class ParameterLayout {
 public:
  explicit ParameterLayout(const ModelConfig& config);
  const std::vector<Parameter>& all() const { return all_; }
  int64_t total() const { return total_; }
  // -1 when there is none of that name.
  int find(const std::string& name) const;

  struct Layer {
    int64_t attention_norm, qkv, qkv_bias, q_norm, k_norm, o, mlp_norm, gate_up, down;
  };
  const std::vector<Layer>& layers() const { return layers_; }
  int64_t embedding() const { return embedding_; }
  int64_t final_norm() const { return final_norm_; }
  int64_t head() const { return head_; }  // = embedding() when tied

 private:
  int64_t add(const std::string& name, std::vector<int64_t> shape);
  void add_layer(const ModelConfig& config, int64_t index);

  std::vector<Parameter> all_;
  std::vector<Layer> layers_;
  int64_t total_ = 0, embedding_ = 0, final_norm_ = 0, head_ = 0;
};

// Reads every parameter of the layout; a missing, surplus or misshapen tensor is an error by name (file, tensor, got,
// expected).
Tensor load_parameters(const ParameterLayout& layout, const ModelFiles& files);

// Random weights: matrices normal with deviation 0.02 (residual projections divided by sqrt(2 layers)), norms 1, biases
// 0.
Tensor random_parameters(const ParameterLayout& layout, const ModelConfig& config, uint64_t seed);

// The parameters as named tensors for writing; borrow `block`.
std::vector<NamedTensor> named_tensors(const ParameterLayout& layout, const float* block);

}  // namespace r1
