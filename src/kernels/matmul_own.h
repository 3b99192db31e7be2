// The matmul used where oneDNN is not batch-invariant or has no kernel: weights in panels of sixteen columns, every
// element summed over k in order, so a row's bits depend on nothing else by construction. bf16 operands are widened to
// f32.
#pragma once

#include "kernels/compute.h"

namespace r1 {

// B (k, n) as n/16 panels of (k, 16) floats; the last panel is filled up with zeros.
class OwnPack {
 public:
  OwnPack(const Compute& compute, int64_t k, int64_t n);
  void pack(const float* w, bool transposed);  // w (n, k) when transposed, else (k, n)
  void multiply(Operand a, TensorView<float> c, bool accumulate) const;
  size_t bytes() const { return panels_.bytes(); }

 private:
  Compute compute_;
  int64_t k_, n_;
  Tensor panels_;
};

// dw (out, in) += dy^T x.
void own_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw);

// C (rows, n <= 16) (+)= A B for one panel B (k, 16). A's element (r, k) is a[r * row_step + k * k_step], f32 or bf16.
struct PanelProduct {
  const void* a;
  DType dtype;
  int64_t row_step, k_step, rows, k;
  const float* panel;
  float* c;
  int64_t c_stride;
  int n;
  bool accumulate;
};

}  // namespace r1
