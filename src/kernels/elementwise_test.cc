// RMSNorm, RoPE, SwiGLU and embedding: the references by central differences, the fast paths against the references,
// on odd sizes, every instruction set and both operand types.
#include <gtest/gtest.h>

#include <numeric>

#include "kernels/elementwise_ref.h"
#include "kernels/embedding.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

Doubles doubles(const std::vector<float>& x) { return {x.begin(), x.end()}; }
double dot(const Doubles& a, const Doubles& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }
// Half a unit in the last place of what the operand holds, and some float rounding before it.
double rounding(const Compute& c) { return c.operand == DType::bf16 ? 0x1p-8 + 1e-5 : 1e-5; }

template <typename Got>
void expect_close(const Got& got, const Doubles& want, double tolerance, const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); i++)
    ASSERT_NEAR(got[i], want[i], tolerance * (0.1 + std::abs(want[i]))) << what << " at " << i;
}

TEST(ElementwiseRef, RmsNormBackwardAgreesWithDifferences) {
  Doubles x = doubles(test_normals(3 * 7, 1)), w = doubles(test_normals(7, 2));
  const Doubles dy = doubles(test_normals(3 * 7, 3));
  Doubles dx(x.size()), dw(w.size());
  rms_norm_backward_ref(x, w, 1e-3, dy, dx, dw);
  const auto value = [&] { return dot(rms_norm_ref(x, w, 1e-3), dy); };
  for (size_t i = 0; i < x.size(); i++) EXPECT_NEAR(dx[i], central_difference(x, i, value), 1e-8);
  for (size_t i = 0; i < w.size(); i++) EXPECT_NEAR(dw[i], central_difference(w, i, value), 1e-8);
}

TEST(ElementwiseRef, RopeBackwardAgreesWithDifferences) {
  Doubles x = doubles(test_normals(4 * 2 * 6, 1));
  const Doubles dy = doubles(test_normals(4 * 2 * 6, 2)), frequencies = {1, 0.3, 0.07};
  const std::vector<int32_t> positions = {0, 1, 17, 400};
  const Doubles dx = rope_ref(dy, 2, frequencies, 1.3, positions, -1);
  for (size_t i = 0; i < x.size(); i++)
    EXPECT_NEAR(
        dx[i], central_difference(x, i, [&] { return dot(rope_ref(x, 2, frequencies, 1.3, positions, 1), dy); }), 1e-8);
}

TEST(ElementwiseRef, SwigluBackwardAgreesWithDifferences) {
  Doubles x = doubles(test_normals(3 * 10, 1, 2));
  const Doubles dh = doubles(test_normals(3 * 5, 2));
  const Doubles dx = swiglu_backward_ref(x, dh, 5);
  for (size_t i = 0; i < x.size(); i++)
    EXPECT_NEAR(dx[i], central_difference(x, i, [&] { return dot(swiglu_ref(x, 5), dh); }), 1e-8);
}

TEST(ElementwiseRef, EmbeddingBackwardAgreesWithDifferences) {
  Doubles table = doubles(test_normals(5 * 3, 1));
  const std::vector<int32_t> ids = {4, 0, 4, 2};
  const Doubles dx = doubles(test_normals(4 * 3, 2));
  Doubles dtable(table.size());
  embedding_backward_ref(dx, ids, 3, dtable);
  for (size_t i = 0; i < table.size(); i++)
    EXPECT_NEAR(dtable[i], central_difference(table, i, [&] { return dot(embedding_ref(table, ids, 3), dx); }), 1e-8);
}

TEST(RmsNorm, AgreesWithReference) {
  for (const Compute& c : own_computes())
    for (int64_t cols : {1, 15, 16, 17, 44, 576})
      for (int64_t rows : {1, 5, 33}) {
        const auto x = test_normals(rows * cols, 1, 3), w = test_normals(cols, 2), dy = test_normals(rows * cols, 3),
                   before = test_normals(rows * cols, 4), dw_before = test_normals(cols, 5);
        const std::string what = compute_name(c) + " " + std::to_string(rows) + "x" + std::to_string(cols);
        OperandBlock y(rows, cols, c.operand, rows);
        std::vector<float> inv(static_cast<size_t>(rows));
        rms_norm_forward(c, {x.data(), rows, cols}, w.data(), 1e-3f, y.operand, inv.data());
        expect_close(y.values(), rms_norm_ref(doubles(x), doubles(w), 1e-3f), rounding(c), what);
        auto dx = before, dw = dw_before;
        rms_norm_backward(c, {x.data(), rows, cols}, w.data(), inv.data(), {dy.data(), rows, cols},
                          {dx.data(), rows, cols}, dw.data());
        Doubles want_dx = doubles(before), want_dw = doubles(dw_before);
        rms_norm_backward_ref(doubles(x), doubles(w), 1e-3f, doubles(dy), want_dx, want_dw);
        expect_close(dx, want_dx, 2e-5, what + " dx");
        expect_close(dw, want_dw, 2e-5, what + " dw");
      }
}

TEST(RmsNorm, HeadsAgreeWithReference) {
  for (const Compute& c : own_computes())
    for (int head_size : {2, 16, 24, 80})
      for (int heads : {1, 3}) {
        const int64_t rows = 19, cols = heads * head_size, stride = cols + 6;  // columns of a wider matrix
        const auto wide = test_normals(rows * stride, 1, 2), w = test_normals(head_size, 2),
                   dy = test_normals(rows * cols, 3), dw_before = test_normals(head_size, 5);
        const TensorView<const float> x(wide.data() + 3, rows, cols, stride);
        Doubles dense;
        for (int64_t r = 0; r < rows; r++) dense.insert(dense.end(), x.row(r), x.row(r) + cols);
        std::vector<float> y(dense.size()), inv(static_cast<size_t>(rows * heads)), dx(dense.size(), 9.0f);
        head_norm_forward(c, x, heads, head_size, w.data(), 1e-4f, {y.data(), rows, cols}, inv.data());
        expect_close(y, rms_norm_ref(dense, doubles(w), 1e-4f), 1e-5, compute_name(c));
        auto dw = dw_before;
        head_norm_backward(c, x, heads, head_size, w.data(), inv.data(), {dy.data(), rows, cols},
                           {dx.data(), rows, cols}, dw.data());
        Doubles want_dx(dense.size()), want_dw = doubles(dw_before);
        rms_norm_backward_ref(dense, doubles(w), 1e-4f, doubles(dy), want_dx, want_dw);
        expect_close(dx, want_dx, 2e-5, compute_name(c) + " dx");
        expect_close(dw, want_dw, 2e-5, compute_name(c) + " dw");
      }
}

TEST(Rope, AgreesWithReferenceBothWays) {
  for (const Compute& c : own_computes())
    for (int half : {1, 8, 12, 16, 33, 64}) {
      const int heads = 3, head_size = 2 * half;
      const std::vector<int32_t> positions = {0, 1, 5, 63, 64, 299, 17};
      const int64_t rows = static_cast<int64_t>(positions.size()), cols = heads * head_size, stride = cols + 5;
      Doubles frequencies;
      for (int j = 0; j < half; j++) frequencies.push_back(static_cast<float>(std::pow(1e4, -j / double(half))));
      const RopeTable table = make_rope_table(frequencies, 1.25, 300);
      const auto x = test_normals(rows * stride, 1);
      Doubles dense;
      for (int64_t r = 0; r < rows; r++)
        dense.insert(dense.end(), x.begin() + r * stride, x.begin() + r * stride + cols);
      for (double sign : {1.0, -1.0}) {
        auto y = x;
        const TensorView<float> view(y.data(), rows, cols, stride);
        if (sign > 0)
          rope_forward(c, view, heads, head_size, table, positions.data());
        else
          rope_backward(c, view, heads, head_size, table, positions.data());
        const Doubles want = rope_ref(dense, heads, frequencies, 1.25, positions, sign);
        for (int64_t r = 0; r < rows; r++)
          for (int64_t i = 0; i < cols; i++)  // the angle is a float product: 300 rad carry 1.5e-5 of rounding
            ASSERT_NEAR(view.row(r)[i], want[static_cast<size_t>(r * cols + i)], 1e-4) << compute_name(c);
        for (int64_t r = 0; r < rows; r++)  // what lies between the rows is not ours
          for (int64_t i = cols; i < stride; i++) ASSERT_EQ(view.row(r)[i], x[static_cast<size_t>(r * stride + i)]);
      }
    }
}

TEST(Swiglu, AgreesWithReference) {
  for (const Compute& c : own_computes())
    for (int64_t inner : {1, 15, 16, 20, 132}) {
      const int64_t rows = 13;
      auto x = test_normals(rows * 2 * inner, 1, 4);
      x[0] = 95, x[static_cast<size_t>(2 * inner)] = -95;  // silu's tails: the gate itself, and 0
      if (c.operand == DType::bf16)
        for (float& f : x) f = to_float(to_bf16(f));
      const auto dh = test_normals(rows * inner, 2);
      OperandBlock h(rows, inner, c.operand, rows), d(rows, 2 * inner, c.operand, rows);
      OperandBlock kept(rows, 2 * inner, c.operand, rows), again(rows, inner, c.operand, rows);
      swiglu_forward(c, {x.data(), rows, 2 * inner}, kept.operand, h.operand);
      swiglu_backward(c, kept.operand, {dh.data(), rows, inner}, d.operand);
      swiglu_again(c, kept.operand, again.operand);
      EXPECT_EQ(again.values(), h.values());
      expect_close(h.values(), swiglu_ref(doubles(x), static_cast<size_t>(inner)), rounding(c), compute_name(c));
      expect_close(d.values(), swiglu_backward_ref(doubles(x), doubles(dh), static_cast<size_t>(inner)), rounding(c),
                   compute_name(c) + " backward");
    }
}

// exp is at the bottom of softmax, silu and the loss: silu(g) / g gives it away.
TEST(Swiglu, ExponentialIsGoodToAFewUnitsEverywhere) {
  for (const Compute& c : own_computes()) {
    if (c.operand == DType::bf16) continue;
    std::vector<float> gate;
    for (float g = -86; g < 86; g += 0.0173f) gate.push_back(g);
    for (float g : gate) {
      const float row[2] = {g, 1};
      float h;
      swiglu_forward(c, {row, 1, 2}, {}, {&h, DType::f32, 1, 1});
      const double want = g / (1 + std::exp(-static_cast<double>(g)));
      ASSERT_NEAR(h, want, 4e-7 * std::abs(want)) << g << " " << compute_name(c);
    }
  }
}

TEST(Swiglu, NotANumberStaysOne) {
  for (const Compute& c : own_computes()) {
    const float row[2] = {NAN, 1};
    OperandBlock h(1, 1, c.operand, 1);
    swiglu_forward(c, {row, 1, 2}, {}, h.operand);
    EXPECT_TRUE(std::isnan(h.at(0, 0))) << compute_name(c);
  }
}

TEST(Embedding, AgreesWithReference) {
  for (const Compute& c : own_computes())
    for (int64_t width : {1, 17, 70}) {
      const std::vector<int32_t> ids = {3, 0, 3, 3, 6, 1};
      const auto table = test_normals(7 * width, 1), dx = test_normals(6 * width, 2),
                 before = test_normals(7 * width, 3);
      std::vector<float> x(static_cast<size_t>(6 * width));
      embedding_forward(c, table.data(), width, ids.data(), {x.data(), 6, width});
      expect_close(x, embedding_ref(doubles(table), ids, static_cast<size_t>(width)), 0, compute_name(c));
      auto dtable = before;
      embedding_backward(c, {dx.data(), 6, width}, ids.data(), dtable.data(), width);
      Doubles want = doubles(before);
      embedding_backward_ref(doubles(dx), ids, static_cast<size_t>(width), want);
      expect_close(dtable, want, 1e-6, compute_name(c) + " backward");
    }
}

}  // namespace
}  // namespace r1
