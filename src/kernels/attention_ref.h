// Attention over segments in plain loops: the truth that attention.cc is compared with. T is float or double.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace r1 {

struct RefSegment {
  int64_t row, rows, start;
  int parent = -1;  // index of the segment this one hangs on
};

struct RefHeads {
  int heads, kv_heads, head_size;
};

// Batch row of the key at `position` as seen from segment `s`.
inline int64_t ref_key_row(const std::vector<RefSegment>& segments, int s, int64_t position) {
  if (position >= segments[s].start) return segments[s].row + position - segments[s].start;
  return segments[segments[s].parent].row + position;
}

// Weights softmax(scale q k^T) of one query over positions [0, position].
template <typename T>
std::vector<T> ref_attention_weights(const std::vector<RefSegment>& segments, int s, int64_t i, int head, RefHeads h,
                                     T scale, const T* q, const T* k) {
  const int64_t row = segments[s].row + i, position = segments[s].start + i;
  const int kv = head / (h.heads / h.kv_heads);
  std::vector<T> w(static_cast<size_t>(position + 1));
  T top = -INFINITY, sum = 0;
  for (int64_t j = 0; j <= position; j++) {
    const int64_t key = ref_key_row(segments, s, j);
    T dot = 0;
    for (int d = 0; d < h.head_size; d++)
      dot += q[(row * h.heads + head) * h.head_size + d] * k[(key * h.kv_heads + kv) * h.head_size + d];
    w[j] = dot * scale;
    top = std::max(top, w[j]);
  }
  for (T& x : w) sum += x = std::exp(x - top);
  for (T& x : w) x /= sum;
  return w;
}

template <typename T>
void attention_forward_ref(const std::vector<RefSegment>& segments, RefHeads h, T scale, const T* q, const T* k,
                           const T* v, T* out) {
  for (int s = 0; s < static_cast<int>(segments.size()); s++)
    for (int64_t i = 0; i < segments[s].rows; i++)
      for (int head = 0; head < h.heads; head++) {
        const auto w = ref_attention_weights(segments, s, i, head, h, scale, q, k);
        T* o = out + ((segments[s].row + i) * h.heads + head) * h.head_size;
        for (int d = 0; d < h.head_size; d++) o[d] = 0;
        for (int64_t j = 0; j < static_cast<int64_t>(w.size()); j++) {
          const T* value = v + (ref_key_row(segments, s, j) * h.kv_heads + head / (h.heads / h.kv_heads)) * h.head_size;
          for (int d = 0; d < h.head_size; d++) o[d] += w[j] * value[d];
        }
      }
}

// dq, dk, dv are added to.
template <typename T>
void attention_backward_ref(const std::vector<RefSegment>& segments, RefHeads h, T scale, const T* q, const T* k,
                            const T* v, const T* d_out, T* dq, T* dk, T* dv) {
  const int hd = h.head_size;
  for (int s = 0; s < static_cast<int>(segments.size()); s++)
    for (int64_t i = 0; i < segments[s].rows; i++)
      for (int head = 0; head < h.heads; head++) {
        const int kv = head / (h.heads / h.kv_heads);
        const int64_t query = (segments[s].row + i) * h.heads + head;
        const auto w = ref_attention_weights(segments, s, i, head, h, scale, q, k);
        std::vector<T> dw(w.size());
        T delta = 0;
        for (size_t j = 0; j < w.size(); j++) {
          const int64_t key = ref_key_row(segments, s, static_cast<int64_t>(j)) * h.kv_heads + kv;
          for (int d = 0; d < hd; d++) {
            dw[j] += d_out[query * hd + d] * v[key * hd + d];
            dv[key * hd + d] += w[j] * d_out[query * hd + d];
          }
          delta += w[j] * dw[j];
        }
        for (size_t j = 0; j < w.size(); j++) {
          const int64_t key = ref_key_row(segments, s, static_cast<int64_t>(j)) * h.kv_heads + kv;
          const T ds = w[j] * (dw[j] - delta) * scale;
          for (int d = 0; d < hd; d++) {
            dq[query * hd + d] += ds * k[key * hd + d];
            dk[key * hd + d] += ds * q[query * hd + d];
          }
        }
      }
}

}  // namespace r1
