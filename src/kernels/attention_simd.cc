// Letters: R query vectors at once, 64 keys a block, hd head size, hp hd rounded up to 16.
#include "kernels/attention_tasks.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

constexpr float kNever = -1e30f;  // a masked score: its exp is exactly 0

// Where a block's keys lie: lanes below `cut` in `lo` (the prefix's page), the others in `hi` (the own page).
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

// s (R, 64) = q (R, hd) K^T, summed over hd in order.
template <typename T, int R, bool kSplit>
static R1_INLINE void scores(const float* const* q, int hd, const T* k_lo, const T* k_hi, int cut, float* s) {
  f32x16 sum[R][4];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < 4; v++) sum[r][v] = splat(0.0f);
  for (int d = 0; d < hd; d++) {
    f32x16 k[4];
    for (int v = 0; v < 4; v++) {
      k[v] = load(k_lo + d * kPageSize + v * 16);
      if (kSplit) k[v] = select(lane_index() + v * 16 < cut, k[v], load(k_hi + d * kPageSize + v * 16));
    }
    for (int r = 0; r < R; r++)
      for (int v = 0; v < 4; v++) sum[r][v] += q[r][d] * k[v];
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < 4; v++) store(s + r * kPageSize + v * 16, sum[r][v]);
}

// acc (R, V vectors at column c) += p (R, rows j0..j1) values (j, stride), over j in order.
template <typename T, int R, int V>
static R1_INLINE void weigh(const float* p, int64_t p_stride, const T* values, int64_t stride, int j0, int j1,
                            float* acc, int64_t acc_stride) {
  f32x16 sum[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) sum[r][v] = load(acc + r * acc_stride + v * 16);
  for (int j = j0; j < j1; j++) {
    f32x16 x[V];
    for (int v = 0; v < V; v++) x[v] = load(values + j * stride + v * 16);
    for (int r = 0; r < R; r++)
      for (int v = 0; v < V; v++) sum[r][v] += p[r * p_stride + j] * x[v];
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) store(acc + r * acc_stride + v * 16, sum[r][v]);
}

template <typename T, int R>
static R1_INLINE void weigh_all(const float* p, int64_t p_stride, const T* values, int64_t stride, int hp, int j0,
                                int j1, float* acc, int64_t acc_stride) {
  int c = 0;
  for (; c + 64 <= hp; c += 64) weigh<T, R, 4>(p, p_stride, values + c, stride, j0, j1, acc + c, acc_stride);
  for (; c < hp; c += 16) weigh<T, R, 1>(p, p_stride, values + c, stride, j0, j1, acc + c, acc_stride);
}

struct RowState {
  float top, sum;  // running maximum of the scaled scores, sum of exp relative to it
};

// Turns a row of raw scores into weights exp(s - top) for its first n keys, 0 for the others; returns the factor by
// which what was accumulated before shrinks.
static R1_INLINE float softmax_block(float* s, int n, float scale, RowState& state) {
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
    store(s + v * 16, w);
    total += w;
  }
  state.sum = state.sum * shrink + reduce_add(total);
  state.top = new_top;
  return shrink;
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

template <typename T, int R>
static void forward_queries(const AttentionForwardTask& t, int64_t first) {
  const KvShape& shape = t.pages.shape;
  const int hd = shape.head_size, hp = shape.value_stride(), group = t.heads / shape.kv_heads;
  const float* q[R];
  int64_t row[R], position[R];
  int head[R];
  RowState state[R];
  float acc[R * kMaxHeadSize], s[R * kPageSize];
  int64_t last = 0;
  for (int r = 0; r < R; r++) {
    const int64_t i = t.begin + (first + r) / group;
    row[r] = t.run.row + i;
    position[r] = t.run.start + i;
    head[r] = t.kv_head * group + (int)((first + r) % group);
    q[r] = t.q.row(row[r]) + head[r] * hd;
    state[r] = {kNever, 0.0f};
    last = position[r] > last ? position[r] : last;
  }
  for (int i = 0; i < R * hp; i++) acc[i] = 0.0f;
  for (int64_t b = 0; b <= last / kPageSize; b++) {
    const Block<T> block = find_block<T>(t.run, t.pages, t.kv_head, b);
    if (block.cut == 0 || block.cut == kPageSize)
      scores<T, R, false>(q, hd, block.k_lo, block.k_hi, 0, s);
    else
      scores<T, R, true>(q, hd, block.k_lo, block.k_hi, block.cut, s);
    int seen = 0;
    for (int r = 0; r < R; r++) {
      const int64_t left = position[r] - b * kPageSize + 1;
      const int n = left > kPageSize ? kPageSize : left > 0 ? (int)left : 0;
      seen = n > seen ? n : seen;
      const float shrink = softmax_block(s + r * kPageSize, n, t.scale, state[r]);
      for (int c = 0; c < hp; c += 16) store(acc + r * hp + c, load(acc + r * hp + c) * shrink);
    }
    const int middle = block.cut < seen ? block.cut : seen;
    weigh_all<T, R>(s, kPageSize, block.v_lo, hp, hp, 0, middle, acc, hp);
    weigh_all<T, R>(s, kPageSize, block.v_hi, hp, hp, middle, seen, acc, hp);
  }
  for (int r = 0; r < R; r++) {
    const float inverse = 1.0f / state[r].sum;
    for (int d = 0; d < hd; d++) {
      const float o = acc[r * hp + d] * inverse;
      const int64_t at = row[r] * t.out.cols + head[r] * hd + d;
      if (t.out.dtype == DType::bf16)
        static_cast<bf16*>(t.out.data)[at] = to_bf16(o);
      else
        static_cast<float*>(t.out.data)[at] = o;
    }
    t.lse[row[r] * t.heads + head[r]] = state[r].top + log_of(state[r].sum);
  }
}

template <typename T>
static void forward_task(const AttentionForwardTask& t) {
  const int group = t.heads / t.pages.shape.kv_heads;
  const int64_t queries = (t.end - t.begin) * group;
  int64_t i = 0;
  for (; i + 4 <= queries; i += 4) forward_queries<T, 4>(t, i);
  for (; i < queries; i++) forward_queries<T, 1>(t, i);
}

void attention_forward_task(const AttentionForwardTask& t) {
  if (t.pages.dtype == DType::bf16)
    forward_task<bf16>(t);
  else
    forward_task<float>(t);
}

// ----------------------------------------------------------------------------------------------------------------
// backward

constexpr int kQueries = 32;  // query vectors that pass a block of keys together

// A block of one segment's keys as floats, in the three layouts the five products need.
struct KeyBlock {
  float k_t[kMaxHeadSize * kPageSize];  // (hd, 64)
  float v_t[kMaxHeadSize * kPageSize];
  float k[kPageSize * kMaxHeadSize];  // (64, hp)
  float dk[kPageSize * kMaxHeadSize], dv[kPageSize * kMaxHeadSize];
  int64_t base;  // absolute position of lane 0
  int lo, hi;    // lanes of this segment
};

struct QueryBlock {
  float q[kQueries * kMaxHeadSize], d_o[kQueries * kMaxHeadSize];  // (n, hp), zero beyond hd
  float p[kQueries * kPageSize], ds[kQueries * kPageSize];
  float lse[kQueries], delta[kQueries];
  int64_t position[kQueries];
  float* dq[kQueries];
  int n;
};

template <typename T>
static void load_keys(const KvPages& pages, int kv_head, int page, KeyBlock& kb) {
  const KvShape& s = pages.shape;
  const int hd = s.head_size, hp = s.value_stride();
  const T* k = static_cast<const T*>(pages.data) + page * s.page_elements() + kv_head * s.head_elements();
  const T* v = k + (int64_t)hd * kPageSize;
  for (int d = 0; d < hp; d++)
    for (int j = 0; j < kPageSize; j++) {
      const float kd = d < hd ? to_float(k[d * kPageSize + j]) : 0.0f;
      kb.k[j * hp + d] = kd;
      if (d >= hd) continue;
      kb.k_t[d * kPageSize + j] = kd;
      kb.v_t[d * kPageSize + j] = to_float(v[j * hp + d]);
    }
  for (int i = 0; i < kPageSize * hp; i++) kb.dk[i] = kb.dv[i] = 0.0f;
}

static float operand_value(const Operand& x, int64_t at) {
  return x.dtype == DType::bf16 ? to_float(static_cast<const bf16*>(x.data)[at])
                                : static_cast<const float*>(x.data)[at];
}

static void load_queries(const AttentionBackwardTask& t, const SegmentRun& run, int64_t first, int64_t end,
                         QueryBlock& qb) {
  const KvShape& s = t.pages.shape;
  const int hd = s.head_size, hp = s.value_stride(), group = t.heads / s.kv_heads;
  qb.n = (int)(end - first);
  for (int i = 0; i < qb.n; i++) {
    const int64_t r = (first + i) / group, row = run.row + r;
    const int head = t.kv_head * group + (int)((first + i) % group);
    const float *q = t.q.row(row) + head * hd, *d_o = t.d_out.row(row) + head * hd;
    float delta = 0.0f;  // rowsum(dO o O), the softmax Jacobian's second term
    for (int d = 0; d < hp; d++) {
      qb.q[i * hp + d] = d < hd ? q[d] : 0.0f;
      qb.d_o[i * hp + d] = d < hd ? d_o[d] : 0.0f;
      if (d < hd) delta += d_o[d] * operand_value(t.out, row * t.out.cols + head * hd + d);
    }
    qb.delta[i] = delta;
    qb.lse[i] = t.lse[row * t.heads + head];
    qb.position[i] = run.start + r;
    qb.dq[i] = t.grads.dq.row(row) + head * hd;
  }
}

template <int R>
static R1_INLINE void score_gradients(const KeyBlock& kb, QueryBlock& qb, int i, int hd, int hp, float scale) {
  const float *q[R], *d_o[R];
  for (int r = 0; r < R; r++) {
    q[r] = qb.q + (i + r) * hp;
    d_o[r] = qb.d_o + (i + r) * hp;
  }
  float* p = qb.p + i * kPageSize;
  float* ds = qb.ds + i * kPageSize;
  scores<float, R, false>(q, hd, kb.k_t, kb.k_t, 0, p);
  scores<float, R, false>(d_o, hd, kb.v_t, kb.v_t, 0, ds);
  for (int r = 0; r < R; r++) {
    const int64_t left = qb.position[i + r] - kb.base + 1;
    const int end = left < kb.hi ? (int)left : kb.hi;
    for (int v = 0; v < 4; v++) {
      const s32x16 lane = lane_index() + v * 16;
      const f32x16 raw = load(p + r * kPageSize + v * 16) * scale - qb.lse[i + r];
      const f32x16 w = exp(select((lane >= kb.lo) & (lane < end), raw, splat(kNever)));
      store(p + r * kPageSize + v * 16, w);
      store(ds + r * kPageSize + v * 16, w * (load(ds + r * kPageSize + v * 16) - qb.delta[i + r]) * scale);
    }
  }
}

// out (lanes, hp) += w^T x for w (n, 64), x (n, hp): four keys at a time, over queries in order.
static void transpose_weigh(const float* w, const float* x, int n, int hp, int lo, int hi, float* out) {
  for (int j = lo & ~3; j < hi; j += 4)
    for (int c = 0; c < hp; c += 64) {
      const int vectors = hp - c >= 64 ? 4 : (hp - c) / 16;
      if (vectors == 4) {
        f32x16 sum[4][4];
        for (int a = 0; a < 4; a++)
          for (int v = 0; v < 4; v++) sum[a][v] = load(out + (j + a) * hp + c + v * 16);
        for (int i = 0; i < n; i++) {
          f32x16 xi[4];
          for (int v = 0; v < 4; v++) xi[v] = load(x + i * hp + c + v * 16);
          for (int a = 0; a < 4; a++)
            for (int v = 0; v < 4; v++) sum[a][v] += w[i * kPageSize + j + a] * xi[v];
        }
        for (int a = 0; a < 4; a++)
          for (int v = 0; v < 4; v++) store(out + (j + a) * hp + c + v * 16, sum[a][v]);
      } else {
        for (int v = 0; v < vectors; v++)
          for (int a = 0; a < 4; a++) {
            f32x16 sum = load(out + (j + a) * hp + c + v * 16);
            for (int i = 0; i < n; i++) sum += w[i * kPageSize + j + a] * load(x + i * hp + c + v * 16);
            store(out + (j + a) * hp + c + v * 16, sum);
          }
      }
    }
}

static void pass_block(const AttentionBackwardTask& t, KeyBlock& kb, QueryBlock& qb) {
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride();
  int i = 0;
  for (; i + 4 <= qb.n; i += 4) score_gradients<4>(kb, qb, i, hd, hp, t.scale);
  for (; i < qb.n; i++) score_gradients<1>(kb, qb, i, hd, hp, t.scale);
  for (int r = 0; r < qb.n; r++) {
    float sum[kMaxHeadSize];
    for (int d = 0; d < hp; d++) sum[d] = d < hd ? qb.dq[r][d] : 0.0f;
    weigh_all<float, 1>(qb.ds + r * kPageSize, kPageSize, kb.k, hp, hp, kb.lo, kb.hi, sum, hp);
    for (int d = 0; d < hd; d++) qb.dq[r][d] = sum[d];
  }
  transpose_weigh(qb.p, qb.d_o, qb.n, hp, kb.lo, kb.hi, kb.dv);
  transpose_weigh(qb.ds, qb.q, qb.n, hp, kb.lo, kb.hi, kb.dk);
}

static void write_key_gradients(const AttentionBackwardTask& t, const SegmentRun& run, const KeyBlock& kb) {
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride();
  for (int j = kb.lo; j < kb.hi; j++) {
    const int64_t row = run.row + kb.base + j - run.start;
    for (int d = 0; d < hd; d++) {
      t.grads.dk.row(row)[t.kv_head * hd + d] = kb.dk[j * hp + d];
      t.grads.dv.row(row)[t.kv_head * hd + d] = kb.dv[j * hp + d];
    }
  }
}

// The keys of one segment, against the rows that see them: its own, and all rows of the segments that hang on it.
static void backward_segment(const AttentionBackwardTask& t, int64_t owner, KeyBlock& kb, QueryBlock& qb) {
  const SegmentRun& keys = t.runs[owner];
  const int group = t.heads / t.pages.shape.kv_heads;
  const int64_t end = keys.start + keys.rows;
  for (int64_t b = keys.start / kPageSize; b * kPageSize < end; b++) {
    kb.base = b * kPageSize;
    kb.lo = keys.start > kb.base ? (int)(keys.start - kb.base) : 0;
    kb.hi = end - kb.base < kPageSize ? (int)(end - kb.base) : kPageSize;
    const int page = keys.own_pages[b - keys.prefix_length / kPageSize];
    if (t.pages.dtype == DType::bf16)
      load_keys<bf16>(t.pages, t.kv_head, page, kb);
    else
      load_keys<float>(t.pages, t.kv_head, page, kb);
    for (int64_t i = owner; i < (owner == 0 ? t.num_runs : owner + 1); i++) {
      const SegmentRun& queries = t.runs[i];
      const int64_t from = kb.base + kb.lo > queries.start ? kb.base + kb.lo - queries.start : 0;
      for (int64_t q = from * group; q < queries.rows * group; q += kQueries) {
        const int64_t q_end = q + kQueries < queries.rows * group ? q + kQueries : queries.rows * group;
        load_queries(t, queries, q, q_end, qb);
        pass_block(t, kb, qb);
      }
    }
    write_key_gradients(t, keys, kb);
  }
}

void attention_backward_task(const AttentionBackwardTask& t) {
  static thread_local KeyBlock kb;
  static thread_local QueryBlock qb;
  const int hd = t.pages.shape.head_size, group = t.heads / t.pages.shape.kv_heads;
  for (int64_t i = 0; i < t.num_runs; i++)
    for (int64_t r = 0; r < t.runs[i].rows; r++)
      memset(t.grads.dq.row(t.runs[i].row + r) + (int64_t)t.kv_head * group * hd, 0, sizeof(float) * group * hd);
  for (int64_t i = 0; i < t.num_runs; i++) backward_segment(t, i, kb, qb);
}

}  // namespace r1::R1_NS
