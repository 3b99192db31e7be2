// Rows between float32 and operands, biases, and whole-block checks.
#pragma once

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

void to_operand(const Compute& compute, TensorView<const float> x, Operand y);  // copy, or round to nearest even
void add_bias(const Compute& compute, TensorView<float> y, const float* bias);  // every row += bias
// dbias += column sums, in row order; null: not wanted.
void bias_backward(const Compute& compute, TensorView<const float> dy, float* dbias);

bool all_finite(const float* x, int64_t n);
// Sum of squares in double, by chunks of 4096 combined in order: the same for any number of threads.
double squared_norm(const float* x, int64_t n);

}  // namespace r1
