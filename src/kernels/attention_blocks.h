// What attention's forward and backward share: a block of 64 keys in a page, and the two products over it. Included by
// *_simd.cc only.
//
// A lane is 32 bits: one f32, or two bf16 that are neighbours in the summed axis and enter the sum together (one
// VDPBF16PS where the CPU has it). T is the pages' type; kPack<T> elements make a lane.
#pragma once

#include "kernels/attention_tasks.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

constexpr float kNever = -1e30f;  // a masked score: its exp is exactly 0

// R rows of kTileVectors<R> vectors are summed in registers: with few rows more vectors, or each sum waits for its last
// addition.
#if defined(__AVX512F__)
constexpr int kTileRows = 6;
template <int R>
constexpr int kTileVectors = 4;
template <int R>
constexpr int kScoreVectors = R <= 3 ? 2 : 4;  // fewer keys that are not seen
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
template <int R>
constexpr int kTileVectors = R >= 4   ? 1
                             : R >= 2 ? 2
                                      : 4;
template <int R>
constexpr int kScoreVectors = kTileVectors<R>;
#else
constexpr int kTileRows = 3;
template <int R>
constexpr int kTileVectors = 1;
template <int R>
constexpr int kScoreVectors = 1;
#endif

static R1_INLINE uint32_t lane_at(const void* p, int64_t lane) {
  uint32_t u;
  memcpy(&u, static_cast<const char*>(p) + lane * 4, 4);
  return u;
}
static R1_INLINE u32x16 lanes_at(const void* p, int64_t lane) {
  u32x16 u;
  read(static_cast<const char*>(p) + lane * 4, u);
  return u;
}

// sum + a b, lane by lane; `a` is the same lane for all.
template <typename T>
static R1_INLINE f32x16 add_product(f32x16 sum, uint32_t a, u32x16 b);
template <>
R1_INLINE f32x16 add_product<float>(f32x16 sum, uint32_t a, u32x16 b) {
  float f;
  memcpy(&f, &a, 4);
  return sum + f * float_of_bits(b);
}
template <>
R1_INLINE f32x16 add_product<bf16>(f32x16 sum, uint32_t a, u32x16 b) {
#ifdef __AVX512BF16__
  return (f32x16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#else
  float first, second;
  const uint32_t upper = a & 0xffff0000u, lower = a << 16;
  memcpy(&first, &upper, 4);
  memcpy(&second, &lower, 4);
  sum += first * float_of_bits(b & 0xffff0000u);
  return sum + second * float_of_bits(b << 16);
#endif
}

// Where a block's keys lie: those below `cut` in `lo` (the prefix's page), the others in `hi` (the own page).
template <typename T>
struct Block {
  const T *k_lo, *k_hi, *v_lo, *v_hi;
  int cut;
};

template <typename T>
static Block<T> find_block(const SegmentRun& run, const KvPages& pages, int kv_head, int64_t b) {
  const KvShape& s = pages.shape;
  const int64_t split = run.prefix_length;
  const T* data = static_cast<const T*>(pages.data) + kv_head * s.head_elements();
  const T *lo = nullptr, *hi = nullptr;
  if (b * kPageSize < split) lo = data + run.prefix_pages[b] * s.page_elements();
  if ((b + 1) * kPageSize > split) hi = data + run.own_pages[b - split / kPageSize] * s.page_elements();
  const int cut = hi == nullptr ? kPageSize : lo == nullptr ? 0 : (int)(split - b * kPageSize);
  if (lo == nullptr) lo = hi;
  if (hi == nullptr) hi = lo;
  const int64_t values = (int64_t)s.head_size * kPageSize;
  return {lo, hi, lo + values, hi + values, cut};
}

// What the products below ask for from memory beside their work: a step for every lane they sum over.
struct NothingAhead {
  R1_INLINE void step() {}
};

// Columns [16 c, 16 (c + V)) of the scores below. kSplit: the cut lies among them; else all keys are in k_lo.
template <typename T, int R, int V, bool kSplit, typename A>
static R1_INLINE void scores_at(const T* const* q, int depth, const T* k_lo, const T* k_hi, int cut, int c, float* s,
                                A& ahead) {
  f32x16 sum[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) sum[r][v] = splat(0.0f);
  for (int d = 0; d < depth / kPack<T>; d++) {
    ahead.step();
    u32x16 k[V];
    for (int v = 0; v < V; v++) {
      const int lane = (c + v) * 16;
      k[v] = lanes_at(k_lo, d * kPageSize + lane);
      if (kSplit) k[v] = select(lane_index() + lane < cut, k[v], lanes_at(k_hi, d * kPageSize + lane));
    }
    for (int r = 0; r < R; r++) {
      const uint32_t a = lane_at(q[r], d);
      for (int v = 0; v < V; v++) sum[r][v] = add_product<T>(sum[r][v], a, k[v]);
    }
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) store(s + r * kPageSize + (c + v) * 16, sum[r][v]);
}

// s (R, 64) = q (R, depth) K^T for K (depth / kPack lanes, 64), summed over the depth in order; of the first `seen`
// keys and a few more. Keys below `cut` lie in k_lo, the others in k_hi.
template <typename T, int R, typename A = NothingAhead>
static R1_INLINE void scores(const T* const* q, int depth, const T* k_lo, const T* k_hi, int cut, int seen, float* s,
                             A&& ahead = A()) {
  constexpr int V = kScoreVectors<R>;
  for (int c = 0; c * 16 < seen; c += V) {
    if (cut <= c * 16)
      scores_at<T, R, V, false>(q, depth, k_hi, k_hi, cut, c, s, ahead);
    else if (cut >= (c + V) * 16)
      scores_at<T, R, V, false>(q, depth, k_lo, k_lo, cut, c, s, ahead);
    else
      scores_at<T, R, V, true>(q, depth, k_lo, k_hi, cut, c, s, ahead);
  }
}

// acc (R, V vectors) += w (R, lanes j0..j1) x (lanes, stride), over lanes in order. w's rows are `w_stride` lanes
// apart, its lanes `w_step`.
template <typename T, int R, int V, typename A>
static R1_INLINE void weigh(const void* w, int64_t w_stride, int64_t w_step, const void* x, int64_t x_stride, int j0,
                            int j1, float* acc, int64_t acc_stride, A& ahead) {
  f32x16 sum[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) sum[r][v] = load(acc + r * acc_stride + v * 16);
  for (int j = j0; j < j1; j++) {
    ahead.step();
    u32x16 row[V];
    for (int v = 0; v < V; v++) row[v] = lanes_at(x, j * x_stride + v * 16);
    for (int r = 0; r < R; r++) {
      const uint32_t a = lane_at(w, r * w_stride + j * w_step);
      for (int v = 0; v < V; v++) sum[r][v] = add_product<T>(sum[r][v], a, row[v]);
    }
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) store(acc + r * acc_stride + v * 16, sum[r][v]);
}

// The same for all `hp` columns.
template <typename T, int R, typename A = NothingAhead>
static R1_INLINE void weigh_all(const void* w, int64_t w_stride, int64_t w_step, const void* x, int hp, int j0, int j1,
                                float* acc, A&& ahead = A()) {
  constexpr int V = kTileVectors<R>;
  int c = 0;
  for (; c + V * 16 <= hp; c += V * 16)
    weigh<T, R, V>(w, w_stride, w_step, static_cast<const char*>(x) + c * 4, hp, j0, j1, acc + c, hp, ahead);
  for (; c < hp; c += 16)
    weigh<T, R, 1>(w, w_stride, w_step, static_cast<const char*>(x) + c * 4, hp, j0, j1, acc + c, hp, ahead);
}

// Calls body.template operator()<R>(first) for tiles of up to kTileRows rows.
template <typename Body>
static R1_INLINE void for_tiles(int begin, int end, Body&& body) {
  int i = begin;
  for (; i + kTileRows <= end; i += kTileRows) body.template operator()<kTileRows>(i);
  if (kTileRows > 4 && i + 4 <= end) {
    body.template operator()<4>(i);
    i += 4;
  }
  switch (end - i) {
    case 3:
      return body.template operator()<3>(i);
    case 2:
      return body.template operator()<2>(i);
    case 1:
      return body.template operator()<1>(i);
    default:
      return;
  }
}

}  // namespace r1::R1_NS
