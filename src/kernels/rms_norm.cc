#include "kernels/rms_norm.h"

#include "base/error.h"
#include "base/threads.h"
#include "kernels/elementwise_rows.h"

namespace r1 {

void rms_norm_forward(const Compute& compute, TensorView<const float> x, const float* w, float eps, Operand y,
                      float* inv_rms) {
  R1_CHECK(y.rows == x.rows && y.cols == x.cols);
  parallel_chunks(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++)
      R1_DISPATCH(compute.isa, rms_norm_row, x.row(r), w, x.cols, eps, y.row(r), y.dtype == DType::bf16, inv_rms + r);
  });
}

void rms_norm_backward(const Compute& compute, TensorView<const float> x, const float* w, const float* inv_rms,
                       TensorView<const float> dy, TensorView<float> dx, float* dw) {
  R1_CHECK(dy.rows == x.rows && dx.rows == x.rows && dy.cols == x.cols && dx.cols == x.cols);
  parallel_chunks(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++)
      R1_DISPATCH(compute.isa, rms_norm_dx_row, x.row(r), w, inv_rms[r], dy.row(r), x.cols, dx.row(r), true);
  });
  if (dw == nullptr) return;
  parallel_chunks(x.cols, 16, [&](int64_t begin, int64_t end) {
    R1_DISPATCH(compute.isa, rms_norm_dw_columns, x.data + begin, x.stride, dy.data + begin, dy.stride, inv_rms, 1,
                x.rows, static_cast<int>(end - begin), dw + begin);
  });
}

void head_norm_forward(const Compute& compute, TensorView<const float> x, int heads, int head_size, const float* w,
                       float eps, TensorView<float> y, float* inv_rms) {
  parallel_chunks(x.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++)
      for (int h = 0; h < heads; h++)
        R1_DISPATCH(compute.isa, rms_norm_row, x.row(r) + h * head_size, w, head_size, eps, y.row(r) + h * head_size,
                    false, inv_rms + r * heads + h);
  });
}

void head_norm_backward(const Compute& compute, TensorView<const float> x, int heads, int head_size, const float* w,
                        const float* inv_rms, TensorView<const float> dy, TensorView<float> dx, float* dw) {
  parallel_chunks(x.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++)
      for (int h = 0; h < heads; h++)
        R1_DISPATCH(compute.isa, rms_norm_dx_row, x.row(r) + h * head_size, w, inv_rms[r * heads + h],
                    dy.row(r) + h * head_size, head_size, dx.row(r) + h * head_size, false);
  });
  if (dw == nullptr) return;
  parallel_chunks(head_size, 16, [&](int64_t begin, int64_t end) {
    for (int h = 0; h < heads; h++)
      R1_DISPATCH(compute.isa, rms_norm_dw_columns, x.data + h * head_size + begin, x.stride,
                  dy.data + h * head_size + begin, dy.stride, inv_rms + h, heads, x.rows, static_cast<int>(end - begin),
                  dw + begin);
  });
}

}  // namespace r1
