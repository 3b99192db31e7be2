#include "kernels/matmul_own.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

// R rows of A against one panel: R accumulators of sixteen, k in order.
template <typename T, int R>
static void rows_product(const PanelProduct& p, const T* a, float* c) {
  f32x16 sum[R];
  for (int r = 0; r < R; r++) sum[r] = splat(0.0f);
  const float* b = p.panel;
  for (int64_t k = 0; k < p.k; k++, b += 16) {
    const f32x16 bk = load(b);
    for (int r = 0; r < R; r++) sum[r] += to_float(a[r * p.row_step + k * p.k_step]) * bk;
  }
  for (int r = 0; r < R; r++) {
    float* row = c + r * p.c_stride;
    if (p.accumulate) sum[r] += p.n == 16 ? load(row) : load_first(row, p.n);
    if (p.n == 16)
      store(row, sum[r]);
    else
      store_first(row, sum[r], p.n);
  }
}

template <typename T>
static void all_rows(const PanelProduct& p) {
  const T* a = static_cast<const T*>(p.a);
  int64_t r = 0;
#ifdef __AVX512F__
  for (; r + 12 <= p.rows; r += 12) rows_product<T, 12>(p, a + r * p.row_step, p.c + r * p.c_stride);
#endif
  for (; r + 6 <= p.rows; r += 6) rows_product<T, 6>(p, a + r * p.row_step, p.c + r * p.c_stride);
  for (; r < p.rows; r++) rows_product<T, 1>(p, a + r * p.row_step, p.c + r * p.c_stride);
}

void panel_product(const PanelProduct& p) {
  if (p.dtype == DType::bf16)
    all_rows<bf16>(p);
  else
    all_rows<float>(p);
}

}  // namespace r1::R1_NS
