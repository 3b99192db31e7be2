// y = x W^T in eight bits, forward only (W8A8): each output channel of W and each row of x has one scale, largest
// magnitude / 127, and integers in [-127, 127]; the product is summed in 32-bit integers, which is exact, and scaled
// back. So a row of y depends on its own row of x and on W alone, whoever does the sums: oneDNN where a check at the
// start finds its sums exact, else our own kernel.
#pragma once

#include <memory>

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

constexpr int64_t kInt8Depth = 131072;  // the most products of 127 * 127 that 32 bits hold for certain

class Int8Matrix {
 public:
  // `compute.int8` says who multiplies; it must not be off. in <= kInt8Depth.
  Int8Matrix(const Compute& compute, int64_t out, int64_t in);
  ~Int8Matrix();
  Int8Matrix(Int8Matrix&&) noexcept;

  // Rounds and packs w (out, in), row-major float32.
  void pack(const float* w);
  // x is of Compute::operand type; y (T, out) is dense. A row of x that is not finite gives a row of NaN.
  void forward(Operand x, TensorView<float> y) const;
  size_t bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Rows of x as integers: q (T, stride) with zeros behind x.cols, scale (T). x = q scale, to half a scale.
void quantise_rows(const Compute& compute, Operand x, int64_t stride, int8_t* q, float* scale);

// Who multiplies in eight bits on this machine. Run once at start; takes some milliseconds.
Int8 choose_int8(const Compute& compute);

// ---- for the code of each instruction set

// C (rows, n <= 16) = A B: A (rows, 2 pairs) s8, B (pairs, 16, 2) s8.
struct Int8Panel {
  const int8_t* a;
  int64_t a_stride, rows;
  const int8_t* panel;
  int64_t pairs;
  int32_t* c;
  int64_t c_stride;
  int n;
};

#define R1_DECLARE_INT8(ns)                                                                         \
  namespace ns {                                                                                    \
  void quantise_row(const void* x, bool x_is_bf16, int64_t n, int8_t* q, float* scale);             \
  void int8_panel(const Int8Panel& p);                                                              \
  void rescale_row(const int32_t* sums, int64_t n, float row_scale, const float* scales, float* y); \
  }
R1_DECLARE_INT8(scalar)
R1_DECLARE_INT8(avx2)
R1_DECLARE_INT8(avx512)
R1_DECLARE_INT8(avx512bf16)
#undef R1_DECLARE_INT8

}  // namespace r1
