#include "kernels/convert.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/threads.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

TEST(Convert, RoundsToNearestEvenOnEveryInstructionSet) {
  std::vector<float> x = test_normals(7 * 53, 1, 1e3);
  const float halfway_even = 1.0f + 0x1p-8f, halfway_odd = 1.0f + 3 * 0x1p-8f;  // between two neighbours of bf16
  x[0] = halfway_even, x[1] = halfway_odd, x[2] = -0.0f, x[3] = INFINITY, x[4] = 3.4e38f, x[5] = 1e-40f, x[6] = NAN;
  for (const Compute& c : own_computes()) {
    OperandBlock y(7, 53, c.operand, 7);
    to_operand(c, {x.data(), 7, 53}, y.operand);
    for (size_t i = 0; i < x.size(); i++) {
      const double got = y.at(static_cast<int64_t>(i) / 53, static_cast<int64_t>(i) % 53);
      const float want = c.operand == DType::bf16 ? to_float(to_bf16(x[i])) : x[i];
      if (std::isnan(want))
        EXPECT_TRUE(std::isnan(got));
      else
        ASSERT_EQ(got, want) << compute_name(c) << " " << x[i];
    }
    if (c.operand == DType::bf16) {
      EXPECT_EQ(y.at(0, 0), 1.0);
      EXPECT_EQ(y.at(0, 1), 1.0 + 0x1p-6);
    }
  }
}

TEST(Convert, BiasesAgreeWithPlainLoops) {
  for (const Compute& c : own_computes())
    for (int64_t cols : {1, 17, 130}) {
      const int64_t rows = 21;
      const auto x = test_normals(rows * cols, 1), bias = test_normals(cols, 2), before = test_normals(cols, 3);
      auto y = x, dbias = before;
      add_bias(c, {y.data(), rows, cols}, bias.data());
      bias_backward(c, {x.data(), rows, cols}, dbias.data());
      for (int64_t i = 0; i < cols; i++) {
        double sum = before[static_cast<size_t>(i)];
        for (int64_t r = 0; r < rows; r++) {
          const size_t at = static_cast<size_t>(r * cols + i);
          ASSERT_EQ(y[at], x[at] + bias[static_cast<size_t>(i)]);
          sum += x[at];
        }
        ASSERT_NEAR(dbias[static_cast<size_t>(i)], sum, 1e-5) << compute_name(c);
      }
    }
}

TEST(Convert, FindsWhatIsNotFinite) {
  std::vector<float> x = test_normals(1001, 1);
  EXPECT_TRUE(all_finite(x.data(), 1001));
  for (float bad : {NAN, -NAN, INFINITY, -INFINITY})
    for (size_t at : {size_t{0}, size_t{499}, size_t{1000}}) {
      auto y = x;
      y[at] = bad;
      EXPECT_FALSE(all_finite(y.data(), 1001));
    }
  x[5] = std::numeric_limits<float>::max(), x[6] = 1e-44f;
  EXPECT_TRUE(all_finite(x.data(), 1001));
}

TEST(Convert, SquaredNormIsTheSameForAnyThreads) {
  const int before = thread_count();
  const auto x = test_normals(50001, 1);
  double want = 0;
  for (float v : x) want += static_cast<double>(v) * v;
  set_thread_count(1);
  const double one = squared_norm(x.data(), 50001);
  EXPECT_NEAR(one, want, 1e-9 * want);
  for (int threads : {2, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(squared_norm(x.data(), 50001), one);
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace r1
