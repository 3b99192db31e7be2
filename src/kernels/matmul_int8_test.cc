#include "kernels/matmul_int8.h"

#include <gtest/gtest.h>

#include <map>

#include "base/threads.h"
#include "kernels/matmul.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

std::vector<Compute> int8_computes() {
  std::vector<Compute> all;
  for (Compute c : own_computes()) {
    c.int8 = Int8::own;
    all.push_back(c);
  }
  for (DType dtype : {DType::f32, DType::bf16}) {
    const Compute c{detect_isa(), dtype, false};
    if (choose_int8(c) == Int8::onednn) all.push_back({c.isa, dtype, false, Int8::onednn});
  }
  return all;
}
std::string int8_name(const Compute& c) {
  return compute_name(c) + (c.int8 == Int8::onednn ? " int8 oneDNN" : " int8");
}

// Integers by definition, checked against the number they stand for; returned as read from the kernel so that the sums
// can be compared exactly.
struct Quantised {
  Quantised(const Compute& c, const OperandBlock& x)
      : cols(x.operand.cols),
        q(static_cast<size_t>(x.operand.rows * (cols + 3)), int8_t{9}),
        scale(static_cast<size_t>(x.operand.rows)) {
    quantise_rows(c, x.operand, cols + 3, q.data(), scale.data());
    for (int64_t r = 0; r < x.operand.rows; r++) {
      double most = 0;
      for (int64_t k = 0; k < cols; k++) most = std::max(most, std::abs(x.at(r, k)));
      EXPECT_NEAR(scale[static_cast<size_t>(r)], most / 127, 1e-6 * most);
      for (int64_t k = 0; k < cols; k++) {
        EXPECT_LE(std::abs(at(r, k)), 127);
        EXPECT_NEAR(static_cast<double>(at(r, k)), most > 0 ? x.at(r, k) * 127 / most : 0.0, 0.5 + 1e-4);
      }
      for (int64_t k = cols; k < cols + 3; k++) EXPECT_EQ(q[static_cast<size_t>(r * (cols + 3) + k)], 0);
    }
  }
  int64_t at(int64_t r, int64_t k) const { return q[static_cast<size_t>(r * (cols + 3) + k)]; }
  int64_t cols;
  std::vector<int8_t> q;
  std::vector<float> scale;
};

TEST(MatmulInt8, IsExactIntegersTimesScalesOnOddSizes) {
  struct Shape {
    int64_t rows, out, in;
  };
  for (const Compute& c : int8_computes())
    for (const Shape s :
         {Shape{1, 1, 1}, {3, 17, 5}, {7, 33, 48}, {41, 97, 44}, {66, 16, 331}, {130, 60, 101}, {35, 517, 20}}) {
      const OperandBlock x(test_normals(s.rows * s.in, 2), s.rows, s.in, c.operand, bucket_rows(s.rows));
      const auto w = test_normals(s.out * s.in, 1);
      Int8Matrix matrix(c, s.out, s.in);
      matrix.pack(w.data());
      Tensor y(DType::f32, bucket_rows(s.rows), s.out);
      matrix.forward(x.operand, {y.as<float>(), s.rows, s.out});
      const Quantised qx(c, x), qw(c, OperandBlock(w, s.out, s.in, DType::f32, s.out));
      for (int64_t r = 0; r < s.rows; r++)
        for (int64_t o = 0; o < s.out; o++) {
          int64_t sum = 0;
          for (int64_t k = 0; k < s.in; k++) sum += qx.at(r, k) * qw.at(o, k);
          const double want = static_cast<double>(sum) * static_cast<double>(qx.scale[static_cast<size_t>(r)]) *
                              static_cast<double>(qw.scale[static_cast<size_t>(o)]);
          ASSERT_NEAR(y.as<float>()[r * s.out + o], want, 3e-7 * std::abs(want))
              << int8_name(c) << " " << r << " " << o;
        }
    }
}

// The largest integers everywhere: where sums of pairs were held in 16 bits they would overflow here.
TEST(MatmulInt8, TheLargestIntegersDoNotOverflow) {
  for (const Compute& c : int8_computes()) {
    const int64_t rows = 9, out = 40, in = 1000;
    const OperandBlock x(std::vector<float>(static_cast<size_t>(rows * in), -2.0f), rows, in, c.operand,
                         bucket_rows(rows));
    Int8Matrix matrix(c, out, in);
    matrix.pack(std::vector<float>(static_cast<size_t>(out * in), 0.5f).data());
    Tensor y(DType::f32, bucket_rows(rows), out);
    matrix.forward(x.operand, {y.as<float>(), rows, out});
    for (int64_t i = 0; i < rows * out; i++) ASSERT_NEAR(y.as<float>()[i], -1000, 1e-3) << int8_name(c);
  }
}

TEST(MatmulInt8, RowsDoNotDependOnCompanyOrThreadsOrOnWhoMultiplies) {
  const int before = thread_count();
  std::map<DType, std::vector<float>> first;
  for (const Compute& c : int8_computes())
    for (auto [out, in] : {std::pair(97, 201), {1, 7}, {17, 1}, {192, 576}}) {
      const int64_t rows = 150;
      const OperandBlock x(test_normals(rows * in, 2), rows, in, c.operand, bucket_rows(rows));
      Int8Matrix matrix(c, out, in);
      matrix.pack(test_normals(static_cast<int64_t>(out) * in, 1).data());
      Tensor all(DType::f32, bucket_rows(rows), out), part(DType::f32, bucket_rows(rows), out);
      matrix.forward(x.operand, {all.as<float>(), rows, out});
      for (int threads : {1, 2, 3}) {
        set_thread_count(threads);
        for (int64_t n : {1, 2, 3, 9, 31, 64, 100}) {
          matrix.forward({x.operand.row(37), c.operand, n, in}, {part.as<float>(), n, out});
          EXPECT_EQ(0, std::memcmp(part.as<float>(), all.as<float>() + 37 * out, static_cast<size_t>(n * out) * 4))
              << int8_name(c) << " rows " << n << " threads " << threads;
        }
      }
      set_thread_count(before);
      if (c.isa != detect_isa() || in != 576) continue;
      const std::vector<float> result(all.as<float>(), all.as<float>() + rows * out);
      if (auto& kept = first[c.operand]; kept.empty())
        kept = result;
      else
        EXPECT_EQ(result, kept) << int8_name(c);
    }
}

// As a layer meets it: every thread runs the code around the loops.
TEST(MatmulInt8, InATeamItIsTheSame) {
  const int before = thread_count();
  for (const Compute& c : int8_computes())
    for (int64_t rows : {1, 9, 150}) {
      const int64_t out = 600, in = 96;
      const OperandBlock x(test_normals(rows * in, 2), rows, in, c.operand, bucket_rows(rows));
      Int8Matrix matrix(c, out, in);
      matrix.pack(test_normals(out * in, 1).data());
      std::vector<float> alone(static_cast<size_t>(rows * out)), team(alone.size());
      set_thread_count(1);
      matrix.forward(x.operand, {alone.data(), rows, out});
      set_thread_count(3);
      for (int repeat = 0; repeat < 5; repeat++) {
        std::fill(team.begin(), team.end(), NAN);
        in_team([&] { matrix.forward(x.operand, {team.data(), rows, out}); });
        ASSERT_EQ(team, alone) << int8_name(c) << " rows " << rows;
      }
    }
  set_thread_count(before);
}

TEST(MatmulInt8, WhatIsNotFiniteIsNeverHidden) {
  for (const Compute& c : int8_computes())
    for (float bad : {NAN, INFINITY}) {
      const int64_t rows = 3, out = 5, in = 37;
      auto values = test_normals(rows * in, 2);
      values[static_cast<size_t>(in + 36)] = bad;
      const OperandBlock x(values, rows, in, c.operand, bucket_rows(rows));
      Int8Matrix matrix(c, out, in);
      matrix.pack(test_normals(out * in, 1).data());
      Tensor y(DType::f32, bucket_rows(rows), out);
      matrix.forward(x.operand, {y.as<float>(), rows, out});
      for (int64_t i = 0; i < rows * out; i++)
        ASSERT_EQ(std::isfinite(y.as<float>()[i]), i / out != 1) << int8_name(c) << " " << i;
    }
}

TEST(MatmulInt8, RowsOfZerosGiveZeros) {
  for (const Compute& c : int8_computes()) {
    const OperandBlock x(std::vector<float>(2 * 20), 2, 20, c.operand, 2);
    Int8Matrix matrix(c, 18, 20);
    matrix.pack(test_normals(18 * 20, 1).data());
    Tensor y(DType::f32, 2, 18);
    std::fill_n(y.as<float>(), 36, 3.0f);
    matrix.forward(x.operand, {y.as<float>(), 2, 18});
    for (int64_t i = 0; i < 36; i++) ASSERT_EQ(y.as<float>()[i], 0.0f) << int8_name(c);
  }
}

}  // namespace
}  // namespace r1
