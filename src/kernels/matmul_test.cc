#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include "base/threads.h"
#include "kernels/matmul_bf16.h"
#include "kernels/matmul_own.h"
#include "kernels/matmul_ref.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

OperandBlock block(int64_t rows, int64_t cols, const Compute& c, uint32_t sample) {
  return {test_normals(rows * cols, sample), rows, cols, c.operand, bucket_rows(rows)};
}

void expect_product(const float* got, const ProductRef& want, double before, const Compute& c, const char* what) {
  for (size_t i = 0; i < want.value.size(); i++)
    ASSERT_NEAR(got[i], want.value[i] + before, 1e-6 * (want.size[i] + std::abs(before)) + 1e-6)
        << what << " on " << compute_name(c) << " at " << i;
}

TEST(Matmul, AgreesWithReferenceOnOddSizes) {
  struct Shape {
    int64_t rows, out, in;
  };
  for (const Compute& c : all_computes())
    for (const Shape s : {Shape{1, 1, 1},
                          {3, 17, 5},
                          {7, 33, 48},
                          {41, 97, 44},
                          {66, 16, 331},
                          {130, 60, 100},
                          {14, 34, 3101},
                          {2, 140, 1603},
                          {5, 140, 70}}) {
      const OperandBlock x = block(s.rows, s.in, c, 2), dy = block(s.rows, s.out, c, 3), w = block(s.out, s.in, c, 1);
      PackedMatrix packed(c, s.out, s.in, true);
      packed.pack(test_normals(s.out * s.in, 1).data());
      Tensor y(DType::f32, bucket_rows(s.rows), s.out), dx(DType::f32, bucket_rows(s.rows), s.in);
      const auto at = [](const OperandBlock& m) { return [&m](int64_t r, int64_t i) { return m.at(r, i); }; };
      const auto turned = [](const OperandBlock& m) { return [&m](int64_t r, int64_t i) { return m.at(i, r); }; };
      packed.forward(x.operand, {y.as<float>(), s.rows, s.out});
      expect_product(y.as<float>(), matmul_ref(s.rows, s.out, s.in, at(x), turned(w)), 0, c, "forward");
      const auto want_dx = matmul_ref(s.rows, s.in, s.out, at(dy), at(w));
      packed.backward_input(dy.operand, {dx.as<float>(), s.rows, s.in});
      expect_product(dx.as<float>(), want_dx, 0, c, "backward_input");
      std::fill_n(dx.as<float>(), s.rows * s.in, 2.5f);
      packed.backward_input_add(dy.operand, {dx.as<float>(), s.rows, s.in});
      expect_product(dx.as<float>(), want_dx, 2.5, c, "backward_input_add");
      std::vector<float> dw(static_cast<size_t>(s.out * s.in), 0.5f);
      matmul_weight_gradient(c, dy.operand, x.operand, dw.data());
      expect_product(dw.data(), matmul_ref(s.out, s.in, s.rows, turned(dy), at(x)), 0.5, c, "weight_gradient");
    }
}

TEST(Matmul, LentCopiesGiveTheSameBits) {
  for (const Compute& c : all_computes()) {
    const int64_t rows = 30, out = 70, in = 36;
    const OperandBlock x = block(rows, in, c, 2), dy = block(rows, out, c, 3);
    PackedMatrix packed(c, out, in, true), other(c, out, in, false);
    const auto products = [&](PackedMatrix& m) {
      Tensor y(DType::f32, bucket_rows(rows), out), dx(DType::f32, bucket_rows(rows), in);
      m.forward(x.operand, {y.as<float>(), rows, out});
      m.backward_input(dy.operand, {dx.as<float>(), rows, in});
      std::vector<float> both(y.as<float>(), y.as<float>() + rows * out);
      both.insert(both.end(), dx.as<float>(), dx.as<float>() + rows * in);
      return both;
    };
    SpareBlocks spare;
    for (uint32_t sample : {1u, 7u}) {
      const auto w = test_normals(out * in, sample);
      packed.pack(w.data());
      const auto want = products(packed);
      other.lend(Pass::forward, w.data(), spare);
      other.lend(Pass::backward, w.data(), spare);
      EXPECT_EQ(products(other), want) << compute_name(c);
      other.take_back(spare);
      EXPECT_EQ(other.bytes(), 0u);
    }
    const auto w = test_normals(out * in, 9);
    packed.pack(w.data());
    const auto want = products(packed);
    packed.lend(Pass::forward, test_normals(out * in, 1).data(), spare);  // what is kept serves
    packed.take_back(spare);
    EXPECT_EQ(products(packed), want);
    packed.drop();
    EXPECT_EQ(packed.bytes(), 0u);
  }
}

// The shapes of a real model (SmolLM2-135M), where oneDNN cuts its blocks otherwise than on small ones.
struct RealShape {
  int64_t out, in;
};
bool is_fast(const Compute& c) { return c.onednn || c.bf16_pairs(); }
constexpr RealShape kRealShapes[] = {{960, 576}, {576, 576}, {3072, 576}, {576, 1536}, {2048, 576}};

TEST(Matmul, RowsDoNotDependOnCompanyOrThreads) {
  const int before = thread_count();
  for (const Compute& c : all_computes())
    for (const RealShape s : {RealShape{97, 201}, {1, 7}, {17, 1}, {210, 66}}) {
      const int64_t rows = 150;
      const OperandBlock x = block(rows, s.in, c, 2);
      PackedMatrix packed(c, s.out, s.in, false);
      packed.pack(test_normals(s.out * s.in, 1).data());
      Tensor all(DType::f32, bucket_rows(rows), s.out), part(DType::f32, bucket_rows(rows), s.out);
      packed.forward(x.operand, {all.as<float>(), rows, s.out});
      for (int threads : {1, 2, 3}) {
        set_thread_count(threads);
        for (int64_t n : {1, 2, 3, 4, 5, 6, 9, 31, 64, 100}) {
          const int64_t first = 37;  // x has rows enough beyond: the bucket stays inside
          packed.forward({x.operand.row(first), c.operand, n, s.in}, {part.as<float>(), n, s.out});
          EXPECT_EQ(0,
                    std::memcmp(part.as<float>(), all.as<float>() + first * s.out, static_cast<size_t>(n * s.out) * 4))
              << compute_name(c) << " rows " << n << " threads " << threads;
        }
      }
      set_thread_count(before);
    }
}

TEST(Matmul, BucketsCoverRows) {
  int64_t last = 0;
  for (int64_t r = 1; r < 5000; r++) {
    const int64_t b = bucket_rows(r);
    ASSERT_GE(b, r);
    ASSERT_GE(b, last);
    ASSERT_EQ(bucket_rows(b), b);
    if (r > 64) {
      ASSERT_LE(static_cast<double>(b - r), 0.125 * static_cast<double>(r) + 0.5) << r;
    }
    last = b;
  }
}

// What lies beyond the rows (numbers of a larger batch before) must not reach the sums.
TEST(Matmul, WeightGradientIgnoresWhatLiesBeyondTheRows) {
  for (const Compute& c : all_computes())
    for (int64_t rows : {1, 9, 33, 1025, 1603}) {
      const int64_t out = 20, in = 36, room = bucket_rows(rows);
      OperandBlock x(test_normals(room * in, 2), room, in, c.operand, room),
          dy(test_normals(room * out, 3), room, out, c.operand, room);
      for (int64_t i = rows * in; i < room * in; i++) {
        if (c.operand == DType::bf16)
          x.tensor.as<bf16>()[i] = to_bf16(NAN);
        else
          x.tensor.as<float>()[i] = NAN;
      }
      x.operand.rows = dy.operand.rows = rows;
      std::vector<float> dw(static_cast<size_t>(out * in));
      matmul_weight_gradient(c, dy.operand, x.operand, dw.data());
      const auto want = matmul_ref(
          out, in, rows, [&](int64_t o, int64_t r) { return dy.at(r, o); },
          [&](int64_t r, int64_t i) { return x.at(r, i); });
      expect_product(dw.data(), want, 0, c, "weight_gradient");
    }
}

TEST(Matmul, GradientsDoNotDependOnThreads) {
  const int before = thread_count();
  for (const Compute& c : all_computes())
    for (const RealShape s : {RealShape{97, 201}, {16, 16}, {576, 1536}}) {
      const int64_t rows = 700;
      if (!is_fast(c) && s.in > 1000) continue;  // the plain loops are slow, and the same on any shape
      const OperandBlock x = block(rows, s.in, c, 2), dy = block(rows, s.out, c, 3);
      PackedMatrix packed(c, s.out, s.in, true);
      packed.pack(test_normals(s.out * s.in, 1).data());
      std::vector<std::vector<float>> dws, dxs;
      for (int threads : {1, 2, 3}) {
        set_thread_count(threads);
        std::vector<float> dw(static_cast<size_t>(s.out * s.in), 0.25f),
            dx(static_cast<size_t>(bucket_rows(rows) * s.in));
        matmul_weight_gradient(c, dy.operand, x.operand, dw.data());
        packed.backward_input(dy.operand, {dx.data(), rows, s.in});
        dws.push_back(dw), dxs.push_back(dx);
      }
      set_thread_count(before);
      for (size_t i : {size_t{1}, size_t{2}}) {
        EXPECT_EQ(0, std::memcmp(dws[i].data(), dws[0].data(), dws[0].size() * 4))
            << compute_name(c) << " dw " << s.out;
        EXPECT_EQ(0, std::memcmp(dxs[i].data(), dxs[0].data(), dxs[0].size() * 4))
            << compute_name(c) << " dx " << s.out;
      }
    }
}

TEST(Matmul, OwnKernelAgreesWithOneDnn) {
  for (const Compute& c : all_computes()) {
    if (!c.onednn) continue;
    const int64_t rows = 77, out = 130, in = 300;
    const Compute own{c.isa, c.operand, false};
    const OperandBlock x = block(rows, in, c, 2);
    std::vector<std::vector<float>> results;
    for (const Compute& with : {c, own}) {
      PackedMatrix packed(with, out, in, false);
      packed.pack(test_normals(out * in, 1).data());
      Tensor y(DType::f32, bucket_rows(rows), out);
      packed.forward(x.operand, {y.as<float>(), rows, out});
      results.emplace_back(y.as<float>(), y.as<float>() + rows * out);
    }
    EXPECT_LT(relative_gap(results[0], results[1]), 1e-6) << compute_name(c);
  }
}

TEST(MakeCompute, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(make_compute("f32").operand, DType::f32);
  EXPECT_EQ(make_compute("bf16").operand, DType::bf16);
  EXPECT_THROW(make_compute("int8"), std::exception);
}

// What make_compute's small check at start stands for.
// Tiles compute whole buckets: none may end behind the block's own.
TEST(Matmul, NothingIsWrittenBehindTheBucket) {
  const int before = thread_count();
  for (const Compute& c : all_computes()) {
    if (!c.onednn) continue;
    PackedMatrix packed(c, 72, 40, false);
    packed.pack(test_normals(72 * 40, 1).data());
    for (int threads : {1, 2, 3, 7}) {
      set_thread_count(threads);
      for (int64_t rows : {1, 9, 17, 31, 33, 47, 63, 65, 100, 129, 257, 300, 513, 1000, 1025, 1033, 1100, 2049, 2500}) {
        const int64_t room = bucket_rows(rows);
        const OperandBlock x = block(rows, 40, c, 2);
        std::vector<float> y(static_cast<size_t>((room + 64) * 72), 7.0f);
        packed.forward(x.operand, {y.data(), rows, 72});
        for (size_t i = static_cast<size_t>(room * 72); i < y.size(); i++)
          ASSERT_EQ(y[i], 7.0f) << compute_name(c) << " " << rows << " rows, " << threads << " threads";
      }
    }
  }
  set_thread_count(before);
}

// Few rows: threads have panels of their own, which do not meet. Many: rows are shared out, and nothing is known.
TEST(Matmul, WhatThreadsReadFirstIsTheirOwn) {
  const int before = thread_count();
  const std::vector<float> w = test_normals(640 * 64, 1);
  OwnPack own({detect_isa(), DType::f32, false}, 64, 640);
  Bf16Pack pairs(64, 640);
  std::vector<MatmulPack*> packs = {&own};
  if (detect_isa() == Isa::avx512bf16) packs.push_back(&pairs);
  set_thread_count(2);
  for (MatmulPack* pack : packs) {
    pack->pack(w.data(), true);
    for (int64_t rows : {1, 30, 500}) {
      std::vector<std::span<const std::byte>> reads(2);
      in_team([&] { reads[static_cast<size_t>(thread_number())] = pack->first_read(rows); });
      if (rows == 500) {
        EXPECT_TRUE(reads[0].empty() && reads[1].empty());
      } else {
        EXPECT_EQ(reads[0].data() + reads[0].size(), reads[1].data());
        EXPECT_EQ(reads[0].size() + reads[1].size(), pack->bytes());
      }
    }
  }
  set_thread_count(before);
}

TEST(MatmulSlow, RealShapesAreBatchInvariant) {
  const int before = thread_count();
  for (const Compute& c : all_computes()) {
    if (!is_fast(c)) continue;
    for (const RealShape s : kRealShapes)
      for (bool back : {false, true}) {
        const int64_t rows = 1024, from = back ? s.out : s.in, to = back ? s.in : s.out;
        const OperandBlock x = block(rows, from, c, 2);
        PackedMatrix packed(c, s.out, s.in, true);
        packed.pack(test_normals(s.out * s.in, 1).data());
        const auto run = [&](Operand a, float* y) {
          if (back)
            packed.backward_input(a, {y, a.rows, to});
          else
            packed.forward(a, {y, a.rows, to});
        };
        Tensor all(DType::f32, rows, to), part(DType::f32, rows, to);
        run(x.operand, all.as<float>());
        for (int threads : {1, 2, 3}) {
          set_thread_count(threads);
          for (int64_t n = 1; n <= rows; n = bucket_rows(n + 1)) {
            run({x.operand.row(rows - n), c.operand, n, from}, part.as<float>());
            ASSERT_EQ(0,
                      std::memcmp(part.as<float>(), all.as<float>() + (rows - n) * to, static_cast<size_t>(n * to) * 4))
                << compute_name(c) << " " << s.out << "x" << s.in << (back ? " back" : "") << " rows " << n
                << " threads " << threads;
          }
        }
        set_thread_count(before);
      }
  }
}

}  // namespace
}  // namespace r1
