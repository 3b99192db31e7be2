// Letters: R query vectors at once, 64 keys a block, hd head size, hp hd rounded up to 16.
#include "kernels/attention_blocks.h"

namespace r1::R1_NS {

struct RowState {
  float top, sum;  // running maximum of the scaled scores, sum of exp relative to it
};

// The query vectors of a task, and what is known of their results so far.
template <typename T>
struct Queries {
  const T* q[kTaskQueries];
  alignas(64) float acc[kTaskQueries * kMaxHeadSize];  // (n, hp)
  RowState state[kTaskQueries];
  int64_t row[kTaskQueries], position[kTaskQueries];
  int head[kTaskQueries];
  int n;
};

// Turns a row of raw scores into weights exp(s - top) for its first n keys, 0 for the others; returns the factor by
// which what was accumulated before shrinks.
template <typename T>
static R1_INLINE float softmax_block(const float* s, int n, float scale, RowState& state, T* weights) {
  f32x16 x[4];
  f32x16 top = splat(kNever);
  for (int v = 0; v < 4; v++) {
    x[v] = select(lane_index() + v * 16 < n, load(s + v * 16) * scale, splat(kNever));
    top = max(top, x[v]);
  }
  const float block_top = reduce_max(top);
  const float new_top = state.top > block_top ? state.top : block_top;
  const float shrink = exp(splat(state.top - new_top))[0];
  f32x16 total = splat(0.0f);
  for (int v = 0; v < 4; v++) {
    const f32x16 w = exp(x[v] - new_top);
    store(weights + v * 16, w);
    total += w;
  }
  state.sum = state.sum * shrink + reduce_add(total);
  state.top = new_top;
  return shrink;
}

// acc (R, hp) += weights (R, 64) values, for the first `seen` keys in order. Where the prefix ends inside a lane, its
// two keys come from both pages.
template <typename T, int R>
static R1_INLINE void weigh_values(const T* weights, const Block<T>& block, int hp, int seen, float* acc) {
  constexpr int P = kPack<T>, kLanes = kPageSize / P;
  const int cut = block.cut < seen ? block.cut : seen;
  const bool shared = cut < seen && cut % P != 0;
  weigh_all<T, R>(weights, kLanes, 1, block.v_lo, hp, 0, shared ? cut / P : (cut + P - 1) / P, acc);
  if (shared)
    for (int c = 0; c < hp; c += 16) {
      const int64_t at = (int64_t)(cut / P) * hp + c;
      const u32x16 both = (lanes_at(block.v_lo, at) & 0xffffu) | (lanes_at(block.v_hi, at) & 0xffff0000u);
      for (int r = 0; r < R; r++) {
        float* a = acc + r * hp + c;
        store(a, add_product<T>(load(a), lane_at(weights, r * kLanes + cut / P), both));
      }
    }
  weigh_all<T, R>(weights, kLanes, 1, block.v_hi, hp, (cut + P - 1) / P, (seen + P - 1) / P, acc);
}

// Few queries are done with a block before the next one would arrive from memory.
template <typename T>
static R1_INLINE void prefetch_block(const Block<T>& block, const KvShape& shape) {
  const char* at = reinterpret_cast<const char*>(block.k_hi);
  for (int64_t i = 0; i < shape.head_elements() * (int64_t)sizeof(T); i += 64) __builtin_prefetch(at + i);
}

// Queries first..first+R pass the blocks [b, end) of a run.
template <typename T, int R>
static R1_INLINE void pass_blocks(const AttentionForwardTask& t, const SegmentRun& run, Queries<T>& all, int first,
                                  int64_t b, int64_t end) {
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride();
  const T* const* q = all.q + first;
  float* acc = all.acc + first * hp;
  alignas(64) float s[R * kPageSize];
  alignas(64) T weights[R * kPageSize];
  for (; b < end; b++) {
    const Block<T> block = find_block<T>(run, t.pages, t.kv_head, b);
    if (R <= 3 && b + 1 < end) prefetch_block(find_block<T>(run, t.pages, t.kv_head, b + 1), t.pages.shape);
    int n[R], seen = 0;
    for (int r = 0; r < R; r++) {
      const int64_t left = all.position[first + r] - b * kPageSize + 1;
      n[r] = left > kPageSize ? kPageSize : left > 0 ? (int)left : 0;
      seen = n[r] > seen ? n[r] : seen;
    }
    scores<T, R>(q, hd, block.k_lo, block.k_hi, block.cut, seen, s);
    for (int r = 0; r < R; r++) {
      const float shrink =
          softmax_block<T>(s + r * kPageSize, n[r], t.scale, all.state[first + r], weights + r * kPageSize);
      for (int c = 0; c < hp; c += 16) store(acc + r * hp + c, load(acc + r * hp + c) * shrink);
    }
    weigh_values<T, R>(weights, block, hp, seen, acc);
  }
}

// Natural log of a positive normal float to about 1 ulp (atanh series after reduction to [sqrt 1/2, sqrt 2]).
static R1_INLINE float log_of(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  int e = (int)(u >> 23) - 127;
  u = (u & 0x7fffffu) | 0x3f800000u;
  float m;
  memcpy(&m, &u, 4);
  if (m > 1.41421356f) {
    m *= 0.5f;
    e += 1;
  }
  const double z = ((double)m - 1.0) / ((double)m + 1.0), w = z * z;
  const double series = z * (2.0 + w * (2.0 / 3 + w * (2.0 / 5 + w * (2.0 / 7 + w * (2.0 / 9 + w * (2.0 / 11))))));
  return (float)(series + e * 0.693147180559945309);
}

template <typename T>
static void load_queries(const AttentionForwardTask& t, Queries<T>& all) {
  const int hd = t.pages.shape.head_size, group = t.heads / t.pages.shape.kv_heads;
  all.n = 0;
  for (int64_t k = 0; k < t.num_runs; k++)
    for (int64_t i = t.begin; i < t.end; i++)
      for (int g = 0; g < group; g++, all.n++) {
        const int n = all.n;
        all.row[n] = t.runs[k].row + i;
        all.position[n] = t.runs[k].start + i;
        all.head[n] = t.kv_head * group + g;
        all.state[n] = {kNever, 0.0f};
        all.q[n] = static_cast<const T*>(t.q.data) + all.row[n] * t.q.cols + all.head[n] * hd;
      }
  for (int i = 0; i < all.n * t.pages.shape.value_stride(); i++) all.acc[i] = 0.0f;
}

template <typename T>
static void write_results(const AttentionForwardTask& t, const Queries<T>& all) {
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride();
  for (int n = 0; n < all.n; n++) {
    const float inverse = 1.0f / all.state[n].sum;
    T* out = static_cast<T*>(t.out.data) + all.row[n] * t.out.cols + all.head[n] * hd;
    int d = 0;
    for (; d + 16 <= hd; d += 16) store(out + d, load(all.acc + n * hp + d) * inverse);
    store_first(out + d, load(all.acc + n * hp + d) * inverse, hd - d);
    t.lse[all.row[n] * t.heads + all.head[n]] = all.state[n].top + log_of(all.state[n].sum);
  }
}

template <typename T>
static void forward_task(const AttentionForwardTask& t) {
  static thread_local Queries<T> all;
  load_queries(t, all);
  const int a_run = all.n / (int)t.num_runs;
  // Blocks that all runs share pass once for all of their queries, as one product.
  const int64_t shared = t.num_runs > 1 ? t.runs[0].prefix_length / kPageSize : 0;
  if (shared > 0)
    for_tiles(0, all.n, [&]<int R>(int first) { pass_blocks<T, R>(t, t.runs[0], all, first, 0, shared); });
  for (int64_t k = 0; k < t.num_runs; k++) {
    const int begin = (int)k * a_run;
    if (k + 1 < t.num_runs) prefetch_block(find_block<T>(t.runs[k + 1], t.pages, t.kv_head, shared), t.pages.shape);
    for_tiles(begin, begin + a_run, [&]<int R>(int first) {
      pass_blocks<T, R>(t, t.runs[k], all, first, shared, all.position[first + R - 1] / kPageSize + 1);
    });
  }
  write_results(t, all);
}

void attention_forward_task(const AttentionForwardTask& t) {
  if (t.pages.dtype == DType::bf16)
    forward_task<bf16>(t);
  else
    forward_task<float>(t);
}

}  // namespace r1::R1_NS
