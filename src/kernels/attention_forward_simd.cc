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

// Keys of a run that some queries will see next: those of block b below position `end`. No run: none.
struct NextKeys {
  const SegmentRun* run = nullptr;
  int kv_head = 0;
  int64_t b = 0, end = 0;
};

// Few queries are done with a block long before the next one would arrive from memory: it is asked for beside their
// products, rows of lanes one after the other, only where there are keys to see, and so fast that it is done when they
// are.
template <typename T>
class BlockAhead {
 public:
  // Beside products over `steps` lanes.
  R1_INLINE BlockAhead(const KvPages& pages, const NextKeys& next, int steps) {
    if (next.run == nullptr) return;
    constexpr int P = kPack<T>;
    const KvShape& s = pages.shape;
    const Block<T> block = find_block<T>(*next.run, pages, next.kv_head, next.b);
    const int64_t left = next.end - next.b * kPageSize, seen = left < kPageSize ? left : kPageSize;
    const int64_t own = block.cut < kPageSize ? block.cut : 0, first = own / 16, lines = (seen + 15) / 16 - first;
    parts_[0] = {reinterpret_cast<const char*>(block.k_hi) + first * kLine, s.head_size / P, kPageSize * 4, lines};
    const int64_t row = (int64_t)s.value_stride() * 4, begin = own / P, rows = (seen + P - 1) / P - begin;
    parts_[1] = {reinterpret_cast<const char*>(block.v_hi) + begin * row, rows, row, row / kLine};
    rate_ = (int)((parts_[0].rows + rows + steps - 1) / steps);
  }

  R1_INLINE void step() {
    for (int i = 0; i < rate_; i++) {
      Rows& part = parts_[parts_[0].rows > 0 ? 0 : 1];
      if (part.rows <= 0) return;
      for (int64_t line = 0; line < part.lines; line++) __builtin_prefetch(part.at + line * kLine, 0, 2);
      part.at += part.stride;
      part.rows--;
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  struct Rows {
    const char* at = nullptr;
    int64_t rows = 0, stride = 0, lines = 0;
  };
  Rows parts_[2];
  int rate_ = 0;
};

// acc (R, hp) += weights (R, 64) values, for the first `seen` keys in order. Where the prefix ends inside a lane, its
// two keys come from both pages.
template <typename T, int R>
static R1_INLINE void weigh_values(const T* weights, const Block<T>& block, int hp, int seen, float* acc,
                                   BlockAhead<T>& ahead) {
  constexpr int P = kPack<T>, kLanes = kPageSize / P;
  const int cut = block.cut < seen ? block.cut : seen;
  const bool shared = cut < seen && cut % P != 0;
  weigh_all<T, R>(weights, kLanes, 1, block.v_lo, hp, 0, shared ? cut / P : (cut + P - 1) / P, acc, ahead);
  if (shared)
    for (int c = 0; c < hp; c += 16) {
      const int64_t at = (int64_t)(cut / P) * hp + c;
      const u32x16 both = (lanes_at(block.v_lo, at) & 0xffffu) | (lanes_at(block.v_hi, at) & 0xffff0000u);
      for (int r = 0; r < R; r++) {
        float* a = acc + r * hp + c;
        store(a, add_product<T>(load(a), lane_at(weights, r * kLanes + cut / P), both));
      }
    }
  weigh_all<T, R>(weights, kLanes, 1, block.v_hi, hp, (cut + P - 1) / P, (seen + P - 1) / P, acc, ahead);
}

// Queries first..first+R pass the blocks [b, end) of a run; `after` comes next.
template <typename T, int R>
static R1_INLINE void pass_blocks(const AttentionForwardTask& t, const SegmentRun& run, Queries<T>& all, int first,
                                  int64_t b, int64_t end, const NextKeys& after) {
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride();
  const T* const* q = all.q + first;
  float* acc = all.acc + first * hp;
  alignas(64) float s[R * kPageSize];
  alignas(64) T weights[R * kPageSize];
  for (; b < end; b++) {
    const Block<T> block = find_block<T>(run, t.pages, t.kv_head, b);
    int n[R], seen = 0;
    for (int r = 0; r < R; r++) {
      const int64_t left = all.position[first + r] - b * kPageSize + 1;
      n[r] = left > kPageSize ? kPageSize : left > 0 ? (int)left : 0;
      seen = n[r] > seen ? n[r] : seen;
    }
    NextKeys next = after;
    if (b + 1 < end) next = R <= 3 ? NextKeys{&run, t.kv_head, b + 1, all.position[first + R - 1] + 1} : NextKeys();
    BlockAhead<T> ahead(t.pages, next, hd / kPack<T> + seen / kPack<T> + 1);
    scores<T, R>(q, hd, block.k_lo, block.k_hi, block.cut, seen, s, ahead);
    for (int r = 0; r < R; r++) {
      const float shrink =
          softmax_block<T>(s + r * kPageSize, n[r], t.scale, all.state[first + r], weights + r * kPageSize);
      for (int c = 0; c < hp; c += 16) store(acc + r * hp + c, load(acc + r * hp + c) * shrink);
    }
    weigh_values<T, R>(weights, block, hp, seen, acc, ahead);
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
  const auto own_keys = [&](int64_t k, int kv_head) {
    return NextKeys{&t.runs[k], kv_head, shared, t.runs[k].start + t.end};
  };
  if (shared > 0)
    for_tiles(0, all.n, [&]<int R>(int first) {
      pass_blocks<T, R>(t, t.runs[0], all, first, 0, shared, first + R == all.n ? own_keys(0, t.kv_head) : NextKeys());
    });
  for (int64_t k = 0; k < t.num_runs; k++) {
    const int begin = (int)k * a_run;
    NextKeys after;
    if (k + 1 < t.num_runs)
      after = own_keys(k + 1, t.kv_head);
    else if (shared > 0 && t.kv_head + 1 < t.pages.shape.kv_heads)
      after = own_keys(0, t.kv_head + 1);  // of this thread's next task, most likely
    for_tiles(begin, begin + a_run, [&]<int R>(int first) {
      pass_blocks<T, R>(t, t.runs[k], all, first, shared, all.position[first + R - 1] / kPageSize + 1,
                        first + R == begin + a_run ? after : NextKeys());
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
