// A block of results is kRowBlock rows of sixteen columns: twelve accumulators of the widest register, so that enough
// sums are under way at once to hide the latency of a fused multiply-add, and one more register each for the panel's
// row and the broadcast operand.
#include "kernels/matmul_own.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

constexpr int kVectors = 16 / kLanes, kRowBlock = 12 / kVectors;

int64_t own_row_block() { return kRowBlock; }

// A line asked for into the second cache: the first one is full of what is multiplied now.
static R1_INLINE void fetch_soon(const void* p) { __builtin_prefetch(p, 0, 2); }

template <typename T>
static void lay_rows(const RowBlocks& p) {
  const T* from = static_cast<const T*>(p.from);
  for (int64_t first = 0; first < p.rows; first += kRowBlock) {
    float* to = p.to + first * p.k;
    const T* block = from + first * p.row_step;
    const int64_t rows = p.rows - first < kRowBlock ? p.rows - first : kRowBlock;
    if (rows == kRowBlock && p.row_step == 1 && sizeof(T) == sizeof(float)) {
      for (int64_t k = 0; k < p.k; k++) memcpy(to + k * kRowBlock, block + k * p.k_step, kRowBlock * sizeof(float));
    } else if (rows == kRowBlock) {
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
  for (int64_t r = 0; r < p.rows; r++, from += p.stride) {
    fetch_soon(from + 16);  // of the next panel; each row lies in a page of its own, which no hardware foresees
    store(p.to + r * 16, p.n == 16 ? load(from) : load_first(from, p.n));
  }
}

void lay_panel(const PanelColumns& p) {
  if (p.dtype == DType::bf16)
    lay_columns<bf16>(p);
  else
    lay_columns<float>(p);
}

// Four by four: from rows of `stride` floats to rows of sixteen.
static R1_INLINE void turn_quad(const float* from, int64_t stride, float* to) {
  f32x4 a, b, c, d;
  memcpy(&a, from, 16);
  memcpy(&b, from + stride, 16);
  memcpy(&c, from + 2 * stride, 16);
  memcpy(&d, from + 3 * stride, 16);
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

void turn_tile(const TileTurn& p) {
  if (p.rows < 16 || p.cols < 16) {
    for (int j = 0; j < p.cols; j++)
      for (int i = 0; i < 16; i++) p.to[j * 16 + i] = i < p.rows ? p.from[i * p.stride + j] : 0.0f;
    return;
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 16; j += 4) turn_quad(p.from + i * p.stride + j, p.stride, p.to + j * 16 + i);
  if (p.next != nullptr)
    for (int i = 0; i < 16; i++) fetch_soon(p.next + i * p.stride);
}

// R rows of one row block against a panel, k in order onto what C holds. Beside it what comes next is asked for: the
// results of the next block, and `lines` lines of the next panel every kStride steps.
constexpr int64_t kStride = 8;
struct Ahead {
  const float* panel;
  int64_t lines;
  const float* c;
};
template <int R>
static void block_product(const PanelProduct& p, const float* a, float* c, Ahead& ahead) {
  for (int r = 0; r < R; r++) __builtin_prefetch(ahead.c + r * p.c_stride, 1, 3);
  float edge[R][16];  // of a last panel that is not whole
  float* to = c;
  int64_t stride = p.c_stride;
  if (p.n < 16) {
    to = edge[0], stride = 16;
    for (int r = 0; r < R; r++)
      for (int j = 0; j < 16; j++) edge[r][j] = p.accumulate && j < p.n ? c[r * p.c_stride + j] : 0.0f;
  }
  f32n sum[R][kVectors];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < kVectors; v++) {
      if (p.accumulate)
        memcpy(&sum[r][v], to + r * stride + v * kLanes, sizeof(f32n));
      else
        sum[r][v] = f32n{};
    }
  const float* b = p.panel;
  for (int64_t k = 0; k < p.k; k += kStride) {
    for (int64_t i = 0; i < ahead.lines; i++, ahead.panel += 16) fetch_soon(ahead.panel);
    const int64_t steps = p.k - k < kStride ? p.k - k : kStride;
    for (int64_t i = 0; i < steps; i++, b += 16, a += kRowBlock) {
      f32n bk[kVectors];
      for (int v = 0; v < kVectors; v++) memcpy(&bk[v], b + v * kLanes, sizeof(f32n));
      for (int r = 0; r < R; r++)
        for (int v = 0; v < kVectors; v++) sum[r][v] += a[r] * bk[v];
    }
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < kVectors; v++) memcpy(to + r * stride + v * kLanes, &sum[r][v], sizeof(f32n));
  if (p.n < 16)
    for (int r = 0; r < R; r++)
      for (int j = 0; j < p.n; j++) c[r * p.c_stride + j] = edge[r][j];
}

template <int R>
static void last_rows(const PanelProduct& p, int64_t rows, const float* a, float* c, Ahead& ahead) {
  if constexpr (R > 0) {
    if (rows == R)
      block_product<R>(p, a, c, ahead);
    else
      last_rows<R - 1>(p, rows, a, c, ahead);
  }
}

void panel_product(const PanelProduct& p) {
  // as many lines as the panel at hand has, spread over the row blocks
  const int64_t blocks = (p.rows + kRowBlock - 1) / kRowBlock;
  Ahead ahead{p.next, p.next == nullptr ? 0 : (kStride + blocks - 1) / blocks, p.c};
  int64_t r = 0;
  for (; r + kRowBlock <= p.rows; r += kRowBlock) {
    ahead.c = r + kRowBlock < p.rows ? p.c + (r + kRowBlock) * p.c_stride : p.c + 16;
    block_product<kRowBlock>(p, p.a + r * p.k, p.c + r * p.c_stride, ahead);
  }
  ahead.c = p.c + 16;
  last_rows<kRowBlock - 1>(p, p.rows - r, p.a + r * p.k, p.c + r * p.c_stride, ahead);
}

}  // namespace r1::R1_NS
