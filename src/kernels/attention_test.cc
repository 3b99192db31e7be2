#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "base/threads.h"
#include "kernels/attention_ref.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

template <typename T>
std::vector<T> normals(int64_t n, uint32_t sample) {
  std::vector<T> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; i++)
    x[static_cast<size_t>(i)] =
        static_cast<T>(random_normal({.seed = 11, .sample = sample, .token = static_cast<uint32_t>(i)}));
  return x;
}

int64_t total_rows(const std::vector<RefSegment>& segments) { return segments.back().row + segments.back().rows; }

TEST(AttentionRef, BackwardAgreesWithDifferences) {
  const std::vector<RefSegment> segments = {{0, 3, 0, -1}, {3, 2, 3, 0}, {5, 4, 3, 0}, {9, 2, 0, -1}};
  const RefHeads h{4, 2, 3};
  const int64_t rows = total_rows(segments), nq = rows * 12, nk = rows * 6;
  std::vector<double> x = normals<double>(nq + 2 * nk, 1);  // q, k, v together
  const auto d_out = normals<double>(nq, 2);
  const auto value = [&] {
    std::vector<double> out(static_cast<size_t>(nq));
    attention_forward_ref<double>(segments, h, 0.6, x.data(), x.data() + nq, x.data() + nq + nk, out.data());
    double sum = 0;
    for (int64_t i = 0; i < nq; i++) sum += out[static_cast<size_t>(i)] * d_out[static_cast<size_t>(i)];
    return sum;
  };
  std::vector<double> grad(x.size());
  attention_backward_ref<double>(segments, h, 0.6, x.data(), x.data() + nq, x.data() + nq + nk, d_out.data(),
                                 grad.data(), grad.data() + nq, grad.data() + nq + nk);
  for (size_t i = 0; i < x.size(); i++) {
    const double kept = x[i], step = 1e-5;
    x[i] = kept + step;
    const double up = value();
    x[i] = kept - step;
    const double down = value();
    x[i] = kept;
    EXPECT_NEAR(grad[i], (up - down) / (2 * step), 1e-8) << i;
  }
}

// A batch with its pages, as the model lays them out.
struct Batch {
  Batch(const Compute& c, std::vector<RefSegment> s, RefHeads h)
      : compute(c), segments(std::move(s)), heads(h), rows(total_rows(segments)) {
    shape = {h.kv_heads, h.head_size};
    const int64_t q_cols = this->q_cols(), k_cols = h.kv_heads * h.head_size;
    q = normals<float>(rows * q_cols, 1), k = normals<float>(rows * k_cols, 2), v = normals<float>(rows * k_cols, 3),
    d_out = normals<float>(rows * q_cols, 4);
    if (c.operand == DType::bf16)  // the reference sees what the products see
      for (auto* x : {&q, &k, &v, &d_out})
        for (float& f : *x) f = to_float(to_bf16(f));
    page_lists.resize(segments.size());
    int32_t next = 0;
    for (size_t i = 0; i < segments.size(); i++)
      for (int64_t b = segments[i].start / kPageSize; b * kPageSize < segments[i].start + segments[i].rows; b++)
        page_lists[i].push_back(next++);
    pool = Tensor(c.operand, next, shape.page_elements());
    std::memset(pool.raw(), 0xff, pool.bytes());  // NaN: what was never stored must not matter
    for (size_t i = 0; i < segments.size(); i++) {
      SegmentRun run{.row = segments[i].row,
                     .rows = segments[i].rows,
                     .start = segments[i].start,
                     .own_pages = page_lists[i].data()};
      if (segments[i].parent >= 0) {
        run.prefix_pages = page_lists[static_cast<size_t>(segments[i].parent)].data();
        run.prefix_length = segments[i].start;
        run.prefix_row = segments[static_cast<size_t>(segments[i].parent)].row;
      }
      runs.push_back(run);
    }
    out = Tensor(c.operand, rows, q_cols);
    q_block = std::make_unique<OperandBlock>(q, rows, q_cols, c.operand, rows);
    lse.resize(static_cast<size_t>(rows * h.heads));
  }
  KvPages pages() { return {pool.raw(), compute.operand, shape}; }
  int64_t q_cols() const { return heads.heads * heads.head_size; }
  TensorView<const float> kv_view(const std::vector<float>& x) {
    return {x.data(), rows, heads.kv_heads * heads.head_size};
  }
  Operand out_operand() { return {out.raw(), compute.operand, rows, heads.heads * heads.head_size}; }
  void forward(float scale) {
    store_keys_values(compute, runs, kv_view(k), kv_view(v), pages());
    attention_forward(compute, runs, q_block->operand, heads.heads, scale, pages(), out_operand(), lse.data());
  }
  double out_at(int64_t i) const {
    return compute.operand == DType::bf16 ? to_float(out.as<bf16>()[i]) : out.as<float>()[i];
  }

  Compute compute;
  std::vector<RefSegment> segments;
  RefHeads heads;
  int64_t rows;
  KvShape shape;
  std::vector<float> q, k, v, d_out, lse;
  std::vector<std::vector<int32_t>> page_lists;
  std::vector<SegmentRun> runs;
  Tensor pool, out;
  std::unique_ptr<OperandBlock> q_block;
};

std::vector<std::vector<RefSegment>> batches() {
  return {{{0, 1, 0, -1}},
          {{0, 70, 0, -1}, {70, 13, 70, 0}, {83, 140, 70, 0}, {223, 1, 70, 0}, {224, 5, 0, -1}},
          {{0, 64, 0, -1}, {64, 3, 64, 0}, {67, 65, 64, 0}},
          {{0, 71, 0, -1}, {71, 2, 71, 0}, {73, 60, 71, 0}, {133, 1, 0, -1}, {134, 6, 1, 3}},  // prefixes end mid-lane
          {{0, 129, 0, -1}, {129, 64, 0, -1}, {193, 63, 64, 1}}};
}

TEST(Attention, AgreesWithReferenceForwardAndBackward) {
  for (const Compute& c : own_computes())
    for (const RefHeads h :
         {RefHeads{4, 2, 64}, RefHeads{3, 1, 8}, RefHeads{2, 2, 24}, RefHeads{7, 7, 10}, RefHeads{4, 1, 80}})
      for (const auto& segments : batches()) {
        Batch b(c, segments, h);
        const float scale = 0.37f / std::sqrt(static_cast<float>(h.head_size)) * 3;
        b.forward(scale);
        std::vector<double> q(b.q.begin(), b.q.end()), k(b.k.begin(), b.k.end()), v(b.v.begin(), b.v.end()),
            d_out(b.d_out.begin(), b.d_out.end());
        std::vector<double> out(q.size()), dq(q.size()), dk(k.size()), dv(v.size());
        attention_forward_ref<double>(segments, h, scale, q.data(), k.data(), v.data(), out.data());
        attention_backward_ref<double>(segments, h, scale, q.data(), k.data(), v.data(), d_out.data(), dq.data(),
                                       dk.data(), dv.data());
        const double rounding = c.operand == DType::bf16 ? 8e-3 : 2e-5;
        for (size_t i = 0; i < out.size(); i++)
          ASSERT_NEAR(b.out_at(static_cast<int64_t>(i)), out[i], rounding * (1 + std::abs(out[i]))) << i;
        std::vector<float> fq(q.size(), 9.0f), fk(k.size(), 9.0f), fv(v.size(), 9.0f);
        const int64_t kc = h.kv_heads * h.head_size;
        attention_backward(c, b.runs, b.q_block->operand, h.heads, scale, b.pages(), b.out_operand(),
                           {b.d_out.data(), b.rows, b.q_cols()}, b.lse.data(),
                           {{fq.data(), b.rows, b.q_cols()}, {fk.data(), b.rows, kc}, {fv.data(), b.rows, kc}});
        const auto compare = [&](const std::vector<float>& got, const std::vector<double>& want, const char* what) {
          double gap = 0, size = 0;
          for (size_t i = 0; i < want.size(); i++) gap += std::pow(got[i] - want[i], 2), size += want[i] * want[i];
          ASSERT_LE(std::sqrt(gap), (c.operand == DType::bf16 ? 4e-3 : 1e-5) * std::sqrt(size) + 1e-5)
              << what << " " << isa_name(c.isa) << " head size " << h.head_size;
        };
        compare(fq, dq, "dq"), compare(fk, dk, "dk"), compare(fv, dv, "dv");
      }
}

// The promise behind sampler == trainer: one row at a time, through pages, gives the bits of the whole batch.
TEST(Attention, DecodeGivesTheBitsOfTheWholeBatch) {
  const int before = thread_count();
  for (const Compute& c : own_computes())
    for (const auto& segments : batches()) {
      const RefHeads h{6, 2, 24};
      Batch whole(c, segments, h), stepwise(c, segments, h);
      set_thread_count(2);
      whole.forward(0.3f);
      set_thread_count(1);
      for (const SegmentRun& run : stepwise.runs)
        for (int64_t i = 0; i < run.rows; i++) {
          SegmentRun one = run;
          one.row = run.row + i, one.rows = 1, one.start = run.start + i;
          one.own_pages = run.own_pages;
          store_keys_values(c, {&one, 1}, stepwise.kv_view(stepwise.k), stepwise.kv_view(stepwise.v), stepwise.pages());
          attention_forward(c, {&one, 1}, stepwise.q_block->operand, h.heads, 0.3f, stepwise.pages(),
                            stepwise.out_operand(), stepwise.lse.data());
        }
      EXPECT_EQ(0, std::memcmp(whole.out.raw(), stepwise.out.raw(), whole.out.bytes())) << isa_name(c.isa);
      EXPECT_EQ(whole.lse, stepwise.lse);
    }
  set_thread_count(before);
}

}  // namespace
}  // namespace r1
