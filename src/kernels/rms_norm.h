// RMSNorm (Zhang & Sennrich 2019), over rows of the residual stream and over single heads (Qwen3's q and k).
#pragma once

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

// y_row = x_row * w / sqrt(mean(x_row^2) + eps), written as operand (f32 or bf16). inv_rms (rows) is kept for backward.
void rms_norm_forward(const Compute& compute, TensorView<const float> x, const float* w, float eps, Operand y,
                      float* inv_rms);

// dx += the gradient of x (the residual stream's accumulates); dw (cols) += in row order; null: not
// wanted (the weights are frozen).
void rms_norm_backward(const Compute& compute, TensorView<const float> x, const float* w, const float* inv_rms,
                       TensorView<const float> dy, TensorView<float> dx, float* dw);

// The same for every head of a row: x (rows, heads * head_size), w (head_size), inv_rms (rows * heads).
void head_norm_forward(const Compute& compute, TensorView<const float> x, int heads, int head_size, const float* w,
                       float eps, TensorView<float> y, float* inv_rms);
// dx is overwritten, dw is added to unless it is null.
void head_norm_backward(const Compute& compute, TensorView<const float> x, int heads, int head_size, const float* w,
                        const float* inv_rms, TensorView<const float> dy, TensorView<float> dx, float* dw);

}  // namespace r1
