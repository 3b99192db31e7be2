#include "kernels/attention.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/attention_tasks.h"

namespace r1 {
namespace {

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

// One row's keys and values of all heads into its page slot. A lane of values holds two keys where the type is bf16:
// the other one must be a finite number before it is stored (it is weighed with 0), so it becomes 0 where this row is
// the first of its lane.
template <typename T>
void store_row(const KvPages& pages, int64_t page, int64_t slot, bool first_of_run, const float* k, const float* v) {
  constexpr int P = kPack<T>;
  const KvShape& s = pages.shape;
  T* at = static_cast<T*>(pages.data) + page * s.page_elements();
  for (int h = 0; h < s.kv_heads; h++, at += s.head_elements()) {
    T* values = at + int64_t{s.head_size} * kPageSize + slot / P * s.value_stride() * P + slot % P;
    for (int d = 0; d < s.head_size; d++) {
      at[(d / P * kPageSize + slot) * P + d % P] = narrow<T>(k[h * s.head_size + d]);
      values[d * P] = narrow<T>(v[h * s.head_size + d]);
    }
    if (P == 1 || (slot % P == 1 && !first_of_run)) continue;
    T* partner = values + (slot % P == 0 ? 1 : -1);
    for (int d = 0; d < s.head_size; d++) partner[d * P] = narrow<T>(0.0f);
  }
}

}  // namespace

void store_keys_values(const Compute&, std::span<const SegmentRun> runs, TensorView<const float> k,
                       TensorView<const float> v, KvPages pages) {
  parallel_for(static_cast<int64_t>(runs.size()), [&](int64_t i) {
    const SegmentRun& run = runs[static_cast<size_t>(i)];
    for (int64_t r = 0; r < run.rows; r++) {
      const int64_t position = run.start + r;
      const bool first = position == run.prefix_length;
      const int64_t page = run.own_pages[position / kPageSize - run.prefix_length / kPageSize];
      if (pages.dtype == DType::bf16)
        store_row<bf16>(pages, page, position % kPageSize, first, k.row(run.row + r), v.row(run.row + r));
      else
        store_row<float>(pages, page, position % kPageSize, first, k.row(run.row + r), v.row(run.row + r));
    }
  });
}

namespace {

struct ForwardPiece {
  const SegmentRun* runs;
  int64_t num_runs, begin, end;
};

// Long runs in pieces; single rows that hang on one prefix (a group being decoded) together.
void cut_into_pieces(std::span<const SegmentRun> runs, int64_t rows_a_task, std::vector<ForwardPiece>& pieces) {
  pieces.clear();
  for (const SegmentRun& run : runs) {
    if (run.rows == 1 && !pieces.empty()) {
      ForwardPiece& last = pieces.back();
      if (last.end - last.begin == 1 && last.runs->rows == 1 && last.num_runs < rows_a_task &&
          run.prefix_length >= kPageSize && last.runs->prefix_length == run.prefix_length &&
          last.runs->prefix_pages == run.prefix_pages) {
        last.num_runs++;
        continue;
      }
    }
    for (int64_t r = 0; r < run.rows; r += rows_a_task)
      pieces.push_back({&run, 1, r, std::min(run.rows, r + rows_a_task)});
  }
}

}  // namespace

void attention_forward(const Compute& compute, std::span<const SegmentRun> runs, Operand q, int heads, float scale,
                       KvPages pages, Operand out, float* lse) {
  const int kv_heads = pages.shape.kv_heads, group = heads / kv_heads;
  R1_CHECK(heads % kv_heads == 0 && pages.shape.head_size <= kMaxHeadSize && pages.shape.head_size % 2 == 0);
  R1_CHECK(group <= kTaskQueries);
  thread_local std::vector<ForwardPiece> pieces;
  cut_into_pieces(runs, kTaskQueries / group, pieces);
  const std::vector<ForwardPiece>& all = pieces;
  parallel_for(static_cast<int64_t>(all.size()) * kv_heads, [&](int64_t i) {
    const ForwardPiece& piece = all[static_cast<size_t>(i / kv_heads)];
    const AttentionForwardTask task{.runs = piece.runs,
                                    .num_runs = piece.num_runs,
                                    .begin = piece.begin,
                                    .end = piece.end,
                                    .heads = heads,
                                    .kv_head = static_cast<int>(i % kv_heads),
                                    .scale = scale,
                                    .pages = pages,
                                    .q = q,
                                    .out = out,
                                    .lse = lse};
    R1_DISPATCH(compute.isa, attention_forward_task, task);
  });
}

namespace {

// What the runs that hang on a prefix give to its keys' and values' gradients, each its own part: (prefix_length,
// head_size) for dk, then dv, a head of keys after the other. Parts are summed in the order of the runs.
struct PrefixParts {
  PrefixParts(std::span<const SegmentRun> runs, const KvShape& shape) : head_size(shape.head_size) {
    int64_t total = 0;
    for (const SegmentRun& run : runs) {
      begin.push_back(total);
      total += 2 * shape.kv_heads * run.prefix_length * head_size;
    }
    values.resize(static_cast<size_t>(total));
  }
  TensorView<float> of(const SegmentRun& run, size_t i, int kv_head, bool v) {
    const int64_t size = run.prefix_length * head_size;
    return {values.data() + begin[i] + (2 * kv_head + (v ? 1 : 0)) * size, run.prefix_length, head_size};
  }

  int64_t head_size;
  std::vector<int64_t> begin;
  std::vector<float> values;
};

// Adds the parts of runs [first + 1, last) to the rows of their prefix, `first`.
void add_parts(std::span<const SegmentRun> runs, size_t first, size_t last, int kv_head, PrefixParts& parts,
               const AttentionGradients& grads) {
  const int64_t hd = parts.head_size;
  for (size_t i = first + 1; i < last; i++)
    for (const bool v : {false, true}) {
      const TensorView<float> part = parts.of(runs[i], i, kv_head, v);
      for (int64_t r = 0; r < part.rows; r++) {
        float* to = (v ? grads.dv : grads.dk).row(runs[first].row + r) + kv_head * hd;
        for (int64_t d = 0; d < hd; d++) to[d] += part.row(r)[d];
      }
    }
}

// [first, last) of each prefix and what hangs on it.
std::vector<std::pair<size_t, size_t>> families_of(std::span<const SegmentRun> runs) {
  std::vector<std::pair<size_t, size_t>> families;
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
  return families;
}

}  // namespace

void attention_backward(const Compute& compute, std::span<const SegmentRun> runs, Operand q, int heads, float scale,
                        KvPages pages, Operand out, TensorView<const float> d_out, const float* lse,
                        const AttentionGradients& grads) {
  const int kv_heads = pages.shape.kv_heads, group = heads / kv_heads;
  R1_CHECK(heads % kv_heads == 0 && pages.shape.head_size <= kMaxHeadSize && pages.shape.head_size % 2 == 0);
  const auto families = families_of(runs);
  PrefixParts parts(runs, pages.shape);
  parallel_for(static_cast<int64_t>(runs.size()) * kv_heads, [&](int64_t i) {
    const size_t at = static_cast<size_t>(i / kv_heads);
    const int kv_head = static_cast<int>(i % kv_heads);
    thread_local std::vector<float> delta;
    delta.resize(static_cast<size_t>(runs[at].rows * group));
    const AttentionBackwardTask task{.run = runs[at],
                                     .heads = heads,
                                     .kv_head = kv_head,
                                     .scale = scale,
                                     .pages = pages,
                                     .q = q,
                                     .out = out,
                                     .d_out = d_out,
                                     .lse = lse,
                                     .grads = grads,
                                     .prefix_dk = parts.of(runs[at], at, kv_head, false),
                                     .prefix_dv = parts.of(runs[at], at, kv_head, true),
                                     .delta = delta.data()};
    R1_DISPATCH(compute.isa, attention_backward_task, task);
  });
  parallel_for(static_cast<int64_t>(families.size()) * kv_heads, [&](int64_t i) {
    const auto [first, last] = families[static_cast<size_t>(i / kv_heads)];
    add_parts(runs, first, last, static_cast<int>(i % kv_heads), parts, grads);
  });
}

}  // namespace r1
