// A block of results is kRowBlock rows of sixteen columns: twelve accumulators of the widest register, so that enough
// sums are under way at once to hide the latency of a fused multiply-add, and one more register each for the panel's
// row and the broadcast operand.
#include "kernels/matmul_own.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

constexpr int kVectors = 16 / kLanes, kRowBlock = 12 / kVectors;

int64_t own_row_block() { return kRowBlock; }

template <typename T>
static void lay_rows(const RowBlocks& p) {
  const T* from = static_cast<const T*>(p.from);
  for (int64_t first = 0; first < p.rows; first += kRowBlock) {
    float* to = p.to + first * p.k;
    const T* block = from + first * p.row_step;
    const int64_t rows = p.rows - first < kRowBlock ? p.rows - first : kRowBlock;
    if (rows == kRowBlock) {
      for (int64_t k = 0; k < p.k; k++)
        for (int r = 0; r < kRowBlock; r++) to[k * kRowBlock + r] = to_float(block[r * p.row_step + k * p.k_step]);
    } else {
      for (int64_t k = 0; k < p.k; k++)
        for (int64_t r = 0; r < rows; r++) to[k * kRowBlock + r] = to_float(block[r * p.row_step + k * p.k_step]);
    }
  }
}

void lay_row_blocks(const RowBlocks& p) {
  if (p.dtype == DType::bf16)
    lay_rows<bf16>(p);
  else
    lay_rows<float>(p);
}

template <typename T>
static void lay_columns(const PanelColumns& p) {
  const T* from = static_cast<const T*>(p.from) + p.first;
  for (int64_t r = 0; r < p.rows; r++, from += p.stride)
    store(p.to + r * 16, p.n == 16 ? load(from) : load_first(from, p.n));
}

void lay_panel(const PanelColumns& p) {
  if (p.dtype == DType::bf16)
    lay_columns<bf16>(p);
  else
    lay_columns<float>(p);
}

// Four by four, both sides in rows of sixteen.
static R1_INLINE void turn_quad(const float* from, float* to) {
  f32x4 a, b, c, d;
  memcpy(&a, from, 16);
  memcpy(&b, from + 16, 16);
  memcpy(&c, from + 32, 16);
  memcpy(&d, from + 48, 16);
  const f32x4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7),
              cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  c = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
  d = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
  memcpy(to, &a, 16);
  memcpy(to + 16, &b, 16);
  memcpy(to + 32, &c, 16);
  memcpy(to + 48, &d, 16);
}

void turn_panel(const PanelTurn& p) {
  const float* from = p.panel + p.first * 16;
  if (p.n < 16) {
    for (int j = 0; j < 16; j++)
      for (int i = 0; i < 16; i++) p.to[j * 16 + i] = i < p.n ? from[i * 16 + j] : 0.0f;
    return;
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 16; j += 4) turn_quad(from + i * 16 + j, p.to + j * 16 + i);
}

// R rows of one row block against a panel, k in order onto what C holds.
template <int R>
static void block_product(const PanelProduct& p, const float* a, float* c) {
  f32n sum[R][kVectors];
  const bool whole = p.n == 16;
  float edge[R][16] = {};
  for (int r = 0; r < R; r++) {
    if (!whole && p.accumulate)
      for (int j = 0; j < p.n; j++) edge[r][j] = c[r * p.c_stride + j];
    for (int v = 0; v < kVectors; v++) {
      if (p.accumulate)
        memcpy(&sum[r][v], (whole ? c + r * p.c_stride : edge[r]) + v * kLanes, sizeof(f32n));
      else
        sum[r][v] = f32n{};
    }
  }
  const float* b = p.panel;
  for (int64_t k = 0; k < p.k; k++, b += 16, a += kRowBlock) {
    f32n bk[kVectors];
    for (int v = 0; v < kVectors; v++) memcpy(&bk[v], b + v * kLanes, sizeof(f32n));
    for (int r = 0; r < R; r++)
      for (int v = 0; v < kVectors; v++) sum[r][v] += a[r] * bk[v];
  }
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < kVectors; v++)
      memcpy((whole ? c + r * p.c_stride : edge[r]) + v * kLanes, &sum[r][v], sizeof(f32n));
    if (!whole)
      for (int j = 0; j < p.n; j++) c[r * p.c_stride + j] = edge[r][j];
  }
}

template <int R>
static void last_rows(const PanelProduct& p, int64_t rows, const float* a, float* c) {
  if constexpr (R > 0) {
    if (rows == R)
      block_product<R>(p, a, c);
    else
      last_rows<R - 1>(p, rows, a, c);
  }
}

void panel_product(const PanelProduct& p) {
  int64_t r = 0;
  for (; r + kRowBlock <= p.rows; r += kRowBlock) block_product<kRowBlock>(p, p.a + r * p.k, p.c + r * p.c_stride);
  last_rows<kRowBlock - 1>(p, p.rows - r, p.a + r * p.k, p.c + r * p.c_stride);
}

}  // namespace r1::R1_NS
