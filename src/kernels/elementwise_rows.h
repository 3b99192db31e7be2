// Rows of the element-wise kernels for each instruction set (elementwise_simd.cc).
#pragma once

#include "kernels/adamw.h"
#include "tensor/tensor.h"

namespace r1 {

struct AdamwConstants {
  float beta1, rest1, beta2, rest2;  // rest = 1 - beta, subtracted in double
  float eps, grad_scale, sqrt_bias2;
  float shrink;  // 1 - lr decay
  float rate;    // lr / bias1
};

#define R1_DECLARE_ROWS(ns)                                                                                            \
  namespace ns {                                                                                                       \
  void rms_norm_row(const float* x, const float* w, int64_t n, float eps, void* y, bool y_is_bf16, float* inv_rms);    \
  void rms_norm_dx_row(const float* x, const float* w, float inv_rms, const float* dy, int64_t n, float* dx,           \
                       bool add);                                                                                      \
  void rms_norm_dw_columns(const float* x, int64_t x_stride, const float* dy, int64_t dy_stride, const float* inv_rms, \
                           int64_t inv_stride, int64_t rows, int n, float* dw);                                        \
  void rope_row(float* x, const float* c, const float* s, int half, float sign);                                       \
  void swiglu_row(const float* gate, const float* up, int64_t n, void* kept_gate, void* kept_up, void* h,              \
                  bool is_bf16);                                                                                       \
  void swiglu_backward_row(const void* gate, const void* up, const float* dh, int64_t n, void* dgate, void* dup,       \
                           bool is_bf16);                                                                              \
  void swiglu_again_row(const void* gate, const void* up, int64_t n, void* h, bool is_bf16);                           \
  void round_row(const float* x, int64_t n, bf16* y);                                                                  \
  void add_row(float* y, const float* x, int64_t n);                                                                   \
  void adamw_range(float* p, float* g, float* m, float* v, int64_t n, const AdamwConstants& c);                        \
  }
R1_DECLARE_ROWS(scalar)
R1_DECLARE_ROWS(avx2)
R1_DECLARE_ROWS(avx512)
R1_DECLARE_ROWS(avx512bf16)
#undef R1_DECLARE_ROWS

}  // namespace r1
