// Letters: n query vectors pass a block of 64 keys together; hd head size, hp hd rounded up to 16.
#include "kernels/attention_blocks.h"

namespace r1::R1_NS {

constexpr int kQueries = 48;  // of a block; even, so that two of them make a lane

// A block of one segment's keys in the layouts that the products need. Keys that are not the segment's are zero.
template <typename T>
struct KeyBlock {
  alignas(64) T k_t[kMaxHeadSize * kPageSize];     // lanes (hd, 64): summed over the head size
  alignas(64) T v_t[kMaxHeadSize * kPageSize];     // lanes (hd, 64)
  alignas(64) T k[kPageSize * kMaxHeadSize];       // lanes (64, hp): summed over keys
  alignas(64) float dk[kPageSize * kMaxHeadSize];  // (64, hp)
  alignas(64) float dv[kPageSize * kMaxHeadSize];
  int64_t base;  // absolute position of key 0
  int lo, hi;    // keys of this segment
};

template <typename T>
struct QueryBlock {
  const T* q[kQueries];                                                        // hd each
  alignas(64) T d_o[kQueries * kMaxHeadSize];                                  // (n, hd)
  alignas(64) T q_t[kQueries * kMaxHeadSize], d_o_t[kQueries * kMaxHeadSize];  // lanes (n, hp): summed over queries
  alignas(64) float p[kQueries * kPageSize], ds[kQueries * kPageSize];         // (n, 64)
  alignas(64) T p_t[kQueries * kPageSize], ds_t[kQueries * kPageSize];         // lanes (n, 64)
  alignas(64) T ds_row[kQueries * kPageSize];                                  // (n, 64): lanes over keys
  alignas(64) float dq[kQueries * kMaxHeadSize];                               // (n, hp)
  float lse[kQueries], delta[kQueries];
  int64_t position[kQueries];
  int n;
};

static R1_INLINE void put(float* p, float x) { *p = x; }
static R1_INLINE void put(bf16* p, float x) { *p = to_bf16(x); }

template <typename T>
static void load_keys(const KvPages& pages, int kv_head, int page, KeyBlock<T>& kb) {
  constexpr int P = kPack<T>;
  const KvShape& s = pages.shape;
  const int hd = s.head_size, hp = s.value_stride();
  const T* k = static_cast<const T*>(pages.data) + page * s.page_elements() + kv_head * s.head_elements();
  const T* v = k + (int64_t)hd * kPageSize;
  memset(kb.k, 0, sizeof(T) * kPageSize * hp);
  memset(kb.k_t, 0, sizeof(T) * kPageSize * hd);
  memset(kb.v_t, 0, sizeof(T) * kPageSize * hd);
  for (int d = 0; d < hd; d++)
    for (int j = kb.lo; j < kb.hi; j++) {
      const int64_t keys_in_lanes = (int64_t)(d / P * kPageSize + j) * P + d % P;
      kb.k_t[keys_in_lanes] = k[keys_in_lanes];
      kb.k[(j / P * hp + d) * P + j % P] = k[keys_in_lanes];
      kb.v_t[keys_in_lanes] = v[(j / P * hp + d) * P + j % P];
    }
  memset(kb.dk, 0, sizeof(float) * kPageSize * hp);
  memset(kb.dv, 0, sizeof(float) * kPageSize * hp);
}

// Rows i and i + 1 of x (n, cols) as the lanes of one row.
static R1_INLINE void pair_rows(const float* x, int64_t n, int64_t cols, float* out) {
  memcpy(out, x, sizeof(float) * n * cols);
}
static R1_INLINE void pair_rows(const float* x, int64_t n, int64_t cols, bf16* out) {
  const auto rounded = [](f32x16 f) {
    const u32x16 u = bits(f);
    return u + 0x7fffu + ((u >> 16) & 1u);
  };
  for (int64_t i = 0; i < n; i += 2)
    for (int64_t c = 0; c < cols; c += 16) {
      const u32x16 lo = rounded(load(x + i * cols + c));
      const u32x16 hi = i + 1 < n ? rounded(load(x + (i + 1) * cols + c)) : u32x16{};
      const u32x16 both = (lo >> 16) | (hi & 0xffff0000u);
      write(out + i * cols + c * 2, both);
    }
}

template <typename T>
static void load_queries(const AttentionBackwardTask& t, int64_t first, int64_t end, QueryBlock<T>& qb) {
  const KvShape& s = t.pages.shape;
  const int hd = s.head_size, hp = s.value_stride(), group = t.heads / s.kv_heads;
  alignas(64) float q[kQueries * kMaxHeadSize], d_o[kQueries * kMaxHeadSize];
  qb.n = (int)(end - first);
  for (int i = 0; i < qb.n; i++) {
    const int64_t r = (first + i) / group, row = t.run.row + r;
    const int head = t.kv_head * group + (int)((first + i) % group);
    qb.q[i] = static_cast<const T*>(t.q.data) + row * t.q.cols + head * hd;
    const float* from_d = t.d_out.row(row) + head * hd;
    for (int d = 0; d < hp; d++) {
      q[i * hp + d] = d < hd ? to_float(qb.q[i][d]) : 0.0f;
      d_o[i * hp + d] = d < hd ? from_d[d] : 0.0f;
    }
    for (int d = 0; d < hd; d++) put(qb.d_o + i * hd + d, from_d[d]);
    qb.delta[i] = t.delta[r * group + (first + i) % group];
    qb.lse[i] = t.lse[row * t.heads + head];
    qb.position[i] = t.run.start + r;
    memcpy(qb.dq + i * hp, t.grads.dq.row(row) + head * hd, sizeof(float) * hd);
    for (int d = hd; d < hp; d++) qb.dq[i * hp + d] = 0.0f;
  }
  pair_rows(q, qb.n, hp, qb.q_t);
  pair_rows(d_o, qb.n, hp, qb.d_o_t);
}

template <typename T>
static void store_query_gradients(const AttentionBackwardTask& t, int64_t first, const QueryBlock<T>& qb) {
  const KvShape& s = t.pages.shape;
  const int hd = s.head_size, hp = s.value_stride(), group = t.heads / s.kv_heads;
  for (int i = 0; i < qb.n; i++) {
    const int head = t.kv_head * group + (int)((first + i) % group);
    memcpy(t.grads.dq.row(t.run.row + (first + i) / group) + head * hd, qb.dq + i * hp, sizeof(float) * hd);
  }
}

// p = exp(scale q k - lse) of the keys a query sees, ds = p (dO v - delta) scale.
template <typename T, int R>
static R1_INLINE void score_gradients(const KeyBlock<T>& kb, QueryBlock<T>& qb, int i, int hd, float scale) {
  const T *q[R], *d_o[R];
  for (int r = 0; r < R; r++) {
    q[r] = qb.q[i + r];
    d_o[r] = qb.d_o + (i + r) * hd;
  }
  float* p = qb.p + i * kPageSize;
  float* ds = qb.ds + i * kPageSize;
  scores<T, R>(q, hd, kb.k_t, kb.k_t, 0, kPageSize, p);
  scores<T, R>(d_o, hd, kb.v_t, kb.v_t, 0, kPageSize, ds);
  for (int r = 0; r < R; r++) {
    const int64_t left = qb.position[i + r] - kb.base + 1;
    const int end = left < kb.hi ? (int)left : kb.hi;
    for (int v = 0; v < 4; v++) {
      const s32x16 lane = lane_index() + v * 16;
      const int at = r * kPageSize + v * 16;
      const f32x16 raw = load(p + at) * scale - qb.lse[i + r];
      const f32x16 w = exp(select((lane >= kb.lo) & (lane < end), raw, splat(kNever)));
      const f32x16 d = w * (load(ds + at) - qb.delta[i + r]) * scale;
      store(p + at, w);
      store(ds + at, d);
      store(qb.ds_row + (i + r) * kPageSize + v * 16, d);
    }
  }
}

// out (64 keys, hp) += w^T x for w lanes (n, 64), x lanes (n, hp), over queries in order.
template <typename T>
static void weigh_transposed(const T* w, const T* x, int n, int hp, int lo, int hi, float* out) {
  const int lanes = (n + kPack<T> - 1) / kPack<T>;
  for (int j = lo & ~3; j < hi; j += 4)
    weigh_all<T, 4>(reinterpret_cast<const char*>(w) + j * 4, 1, kPageSize, x, hp, 0, lanes, out + j * hp);
}

template <typename T>
static void pass_block(const AttentionBackwardTask& t, KeyBlock<T>& kb, QueryBlock<T>& qb) {
  constexpr int P = kPack<T>;
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride();
  for_tiles(0, qb.n, [&]<int R>(int i) { score_gradients<T, R>(kb, qb, i, hd, t.scale); });
  for_tiles(0, qb.n, [&]<int R>(int i) {
    weigh_all<T, R>(qb.ds_row + i * kPageSize, kPageSize / P, 1, kb.k, hp, kb.lo / P, (kb.hi + P - 1) / P,
                    qb.dq + i * hp);
  });
  pair_rows(qb.p, qb.n, kPageSize, qb.p_t);
  pair_rows(qb.ds, qb.n, kPageSize, qb.ds_t);
  weigh_transposed<T>(qb.p_t, qb.d_o_t, qb.n, hp, kb.lo, kb.hi, kb.dv);
  weigh_transposed<T>(qb.ds_t, qb.q_t, qb.n, hp, kb.lo, kb.hi, kb.dk);
}

// The run's queries against keys at positions [begin, end), pages from block begin / 64 on; dk and dv: row 0 is
// position `begin`.
template <typename T>
static void pass_keys(const AttentionBackwardTask& t, int64_t begin, int64_t end, const int32_t* pages,
                      TensorView<float> dk, TensorView<float> dv, KeyBlock<T>& kb, QueryBlock<T>& qb) {
  const int hd = t.pages.shape.head_size, hp = t.pages.shape.value_stride(), group = t.heads / t.pages.shape.kv_heads;
  for (int64_t b = begin / kPageSize; b * kPageSize < end; b++) {
    kb.base = b * kPageSize;
    kb.lo = begin > kb.base ? (int)(begin - kb.base) : 0;
    kb.hi = end - kb.base < kPageSize ? (int)(end - kb.base) : kPageSize;
    load_keys<T>(t.pages, t.kv_head, pages[b - begin / kPageSize], kb);
    const int64_t from = kb.base + kb.lo > t.run.start ? kb.base + kb.lo - t.run.start : 0;
    for (int64_t q = from * group; q < t.run.rows * group; q += kQueries) {
      const int64_t q_end = q + kQueries < t.run.rows * group ? q + kQueries : t.run.rows * group;
      load_queries<T>(t, q, q_end, qb);
      pass_block<T>(t, kb, qb);
      store_query_gradients<T>(t, q, qb);
    }
    for (int j = kb.lo; j < kb.hi; j++) {
      memcpy(dk.row(kb.base + j - begin), kb.dk + j * hp, sizeof(float) * hd);
      memcpy(dv.row(kb.base + j - begin), kb.dv + j * hp, sizeof(float) * hd);
    }
  }
}

// delta = rowsum(dO o O), the softmax Jacobian's second term, of each row and head of the group, from the dO that the
// products see; dq starts at zero.
template <typename T>
static void start_rows(const AttentionBackwardTask& t) {
  const int hd = t.pages.shape.head_size, group = t.heads / t.pages.shape.kv_heads;
  for (int64_t r = 0; r < t.run.rows; r++)
    for (int g = 0; g < group; g++) {
      const int64_t row = t.run.row + r, head = t.kv_head * group + g;
      const float* d_o = t.d_out.row(row) + head * hd;
      const T* o = static_cast<const T*>(t.out.data) + row * t.out.cols + head * hd;
      f32x16 sum = splat(0.0f);
      int d = 0;
      for (; d + 16 <= hd; d += 16) sum += rounded<T>(load(d_o + d)) * load(o + d);
      sum += rounded<T>(load_first(d_o + d, hd - d)) * load_first(o + d, hd - d);
      t.delta[r * group + g] = reduce_add(sum);
      memset(t.grads.dq.row(row) + head * hd, 0, sizeof(float) * hd);
    }
}

template <typename T>
static void backward_task(const AttentionBackwardTask& t) {
  static thread_local KeyBlock<T> kb;
  static thread_local QueryBlock<T> qb;
  const int hd = t.pages.shape.head_size;
  start_rows<T>(t);
  if (t.run.prefix_length > 0)
    pass_keys<T>(t, 0, t.run.prefix_length, t.run.prefix_pages, t.prefix_dk, t.prefix_dv, kb, qb);
  pass_keys<T>(t, t.run.start, t.run.start + t.run.rows, t.run.own_pages,
               t.grads.dk.row_range(t.run.row, t.run.rows).columns(t.kv_head * hd, hd),
               t.grads.dv.row_range(t.run.row, t.run.rows).columns(t.kv_head * hd, hd), kb, qb);
}

void attention_backward_task(const AttentionBackwardTask& t) {
  if (t.pages.dtype == DType::bf16)
    backward_task<bf16>(t);
  else
    backward_task<float>(t);
}

}  // namespace r1::R1_NS
