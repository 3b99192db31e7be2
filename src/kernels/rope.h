// Rotary position embedding (Su et al. 2021) in the half-split form of Hugging Face: element j of a head turns with j +
// half.
#pragma once

#include <vector>

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

// cos and sin of position * frequency, times the attention factor (YaRN): (positions, half).
struct RopeTable {
  std::vector<float> cos, sin;
  int half = 0;
  int64_t positions = 0;
};

// Angles as transformers computes them: float32 frequency times float32 position.
RopeTable make_rope_table(const std::vector<double>& inverse_frequencies, double attention_factor, int64_t positions);

// Rotates x (rows, heads * head_size) in place by each row's position.
void rope_forward(const Compute& compute, TensorView<float> x, int heads, int head_size, const RopeTable& table,
                  const int32_t* positions);
// The transpose: rotates gradients back.
void rope_backward(const Compute& compute, TensorView<float> x, int heads, int head_size, const RopeTable& table,
                   const int32_t* positions);

}  // namespace r1
