#include "kernels/attention.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/attention_tasks.h"

namespace r1 {
namespace {

constexpr int64_t kQueriesATask = 96;

template <typename T>
T narrow(float x);
template <>
float narrow<float>(float x) {
  return x;
}
template <>
bf16 narrow<bf16>(float x) {
  return to_bf16(x);
}

// One row's keys and values of all heads into its page slot.
template <typename T>
void store_row(const KvPages& pages, int64_t page, int64_t slot, const float* k, const float* v) {
  const KvShape& s = pages.shape;
  T* at = static_cast<T*>(pages.data) + page * s.page_elements();
  for (int h = 0; h < s.kv_heads; h++, at += s.head_elements()) {
    T* values = at + int64_t{s.head_size} * kPageSize + slot * s.value_stride();
    for (int d = 0; d < s.head_size; d++) {
      at[d * kPageSize + slot] = narrow<T>(k[h * s.head_size + d]);
      values[d] = narrow<T>(v[h * s.head_size + d]);
    }
  }
}

}  // namespace

void store_keys_values(const Compute&, std::span<const SegmentRun> runs, TensorView<const float> k,
                       TensorView<const float> v, KvPages pages) {
  parallel_for(static_cast<int64_t>(runs.size()), [&](int64_t i) {
    const SegmentRun& run = runs[static_cast<size_t>(i)];
    for (int64_t r = 0; r < run.rows; r++) {
      const int64_t position = run.start + r;
      const int64_t page = run.own_pages[position / kPageSize - run.prefix_length / kPageSize];
      if (pages.dtype == DType::bf16)
        store_row<bf16>(pages, page, position % kPageSize, k.row(run.row + r), v.row(run.row + r));
      else
        store_row<float>(pages, page, position % kPageSize, k.row(run.row + r), v.row(run.row + r));
    }
  });
}

void attention_forward(const Compute& compute, std::span<const SegmentRun> runs, TensorView<const float> q, int heads,
                       float scale, KvPages pages, Operand out, float* lse) {
  R1_CHECK(heads % pages.shape.kv_heads == 0 && pages.shape.head_size <= kMaxHeadSize);
  const int64_t rows_a_task = kQueriesATask / (heads / pages.shape.kv_heads);
  struct Piece {
    const SegmentRun* run;
    int64_t begin, end;
  };
  thread_local std::vector<Piece> pieces;
  pieces.clear();
  for (const SegmentRun& run : runs)
    for (int64_t r = 0; r < run.rows; r += rows_a_task)
      pieces.push_back({&run, r, std::min(run.rows, r + rows_a_task)});
  const std::vector<Piece>& all = pieces;
  parallel_for(static_cast<int64_t>(all.size()) * pages.shape.kv_heads, [&](int64_t i) {
    const Piece& piece = all[static_cast<size_t>(i / pages.shape.kv_heads)];
    const AttentionForwardTask task{
        *piece.run, piece.begin, piece.end, heads, static_cast<int>(i % pages.shape.kv_heads),
        scale,      pages,       q,         out,   lse};
    R1_DISPATCH(compute.isa, attention_forward_task, task);
  });
}

void attention_backward(const Compute& compute, std::span<const SegmentRun> runs, TensorView<const float> q, int heads,
                        float scale, KvPages pages, Operand out, TensorView<const float> d_out, const float* lse,
                        const AttentionGradients& grads) {
  R1_CHECK(heads % pages.shape.kv_heads == 0 && pages.shape.head_size <= kMaxHeadSize);
  std::vector<std::pair<size_t, size_t>> families;  // [first, last) runs that one thread handles, a head at a time
  for (size_t i = 0; i < runs.size(); i++) {
    R1_CHECK(runs[i].start == runs[i].prefix_length, "backward needs whole segments");
    if (runs[i].prefix_length == 0) {
      families.push_back({i, i + 1});
    } else {
      R1_CHECK(!families.empty() && runs[families.back().first].row == runs[i].prefix_row,
               "a run must follow its prefix");
      families.back().second = i + 1;
    }
  }
  const int kv_heads = pages.shape.kv_heads;
  parallel_for(static_cast<int64_t>(families.size()) * kv_heads, [&](int64_t i) {
    const auto [first, last] = families[static_cast<size_t>(i / kv_heads)];
    const AttentionBackwardTask task{&runs[first],
                                     static_cast<int64_t>(last - first),
                                     heads,
                                     static_cast<int>(i % kv_heads),
                                     scale,
                                     pages,
                                     q,
                                     d_out,
                                     out,
                                     lse,
                                     grads};
    R1_DISPATCH(compute.isa, attention_backward_task, task);
  });
}

}  // namespace r1
