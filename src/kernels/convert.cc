#include "kernels/convert.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/elementwise_rows.h"

namespace r1 {

void to_operand(const Compute& compute, TensorView<const float> x, Operand y) {
  R1_CHECK(x.rows == y.rows && x.cols == y.cols);
  parallel_chunks(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      if (y.dtype == DType::bf16)
        R1_DISPATCH(compute.isa, round_row, x.row(r), x.cols, static_cast<bf16*>(y.row(r)));
      else
        std::memcpy(y.row(r), x.row(r), static_cast<size_t>(x.cols) * sizeof(float));
    }
  });
}

void add_bias(const Compute& compute, TensorView<float> y, const float* bias) {
  parallel_chunks(y.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) R1_DISPATCH(compute.isa, add_row, y.row(r), bias, y.cols);
  });
}

void bias_backward(const Compute& compute, TensorView<const float> dy, float* dbias) {
  if (dbias == nullptr) return;
  parallel_chunks(dy.cols, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < dy.rows; r++)
      R1_DISPATCH(compute.isa, add_row, dbias + begin, dy.row(r) + begin, end - begin);
  });
}

bool all_finite(const float* x, int64_t n) {
  uint32_t worst = 0;
  for (int64_t i = 0; i < n; i++) {
    uint32_t u;
    std::memcpy(&u, x + i, 4);
    u &= 0x7fffffffu;
    worst = u > worst ? u : worst;
  }
  return worst < 0x7f800000u;
}

double squared_norm(const float* x, int64_t n) {
  constexpr int64_t kChunk = 4096;
  std::vector<double> sums(static_cast<size_t>((n + kChunk - 1) / kChunk));
  parallel_chunks(n, kChunk, [&](int64_t begin, int64_t end) {
    double sum[8] = {};
    for (int64_t i = begin; i < end; i++) sum[i & 7] += static_cast<double>(x[i]) * x[i];
    sums[static_cast<size_t>(begin / kChunk)] =
        ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  });
  double total = 0;
  for (double s : sums) total += s;
  return total;
}

}  // namespace r1
