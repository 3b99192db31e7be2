#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/philox.h"
#include "base/threads.h"

namespace r1 {
namespace {

std::vector<float> random_values(int64_t n, uint32_t sample) {
  std::vector<float> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; i++)
    x[static_cast<size_t>(i)] = static_cast<float>(random_normal({.seed = 7,
                                                                  .step = static_cast<uint32_t>(i >> 20),
                                                                  .sample = sample,
                                                                  .token = static_cast<uint32_t>(i & 0xfffff)}));
  return x;
}

// An operand block with room for bucket_rows(rows), holding x rounded to dtype.
struct Block {
  Block(const std::vector<float>& x, int64_t rows, int64_t cols, DType dtype)
      : tensor(dtype, bucket_rows(rows), cols), operand{tensor.raw(), dtype, rows, cols} {
    for (int64_t i = 0; i < rows * cols; i++) {
      if (dtype == DType::bf16)
        tensor.as<bf16>()[i] = to_bf16(x[static_cast<size_t>(i)]);
      else
        tensor.as<float>()[i] = x[static_cast<size_t>(i)];
    }
  }
  double at(int64_t r, int64_t c) const {
    return tensor.dtype() == DType::bf16 ? to_float(tensor.as<bf16>()[r * operand.cols + c])
                                         : tensor.as<float>()[r * operand.cols + c];
  }
  Tensor tensor;
  Operand operand;
};

std::vector<Compute> all_computes() {
  std::vector<Compute> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= detect_isa())
      for (DType dtype : {DType::f32, DType::bf16}) all.push_back({isa, dtype, false});
  if (detect_isa() >= Isa::avx512) all.push_back({Isa::avx512, DType::f32, true});
  if (detect_isa() >= Isa::avx512bf16) all.push_back({Isa::avx512bf16, DType::bf16, true});
  return all;
}

struct Shape {
  int64_t rows, out, in;
};

void expect_near(double got, double want, double scale, const Compute& c, const char* what) {
  EXPECT_NEAR(got, want, 3e-6 * scale + 1e-6)
      << what << " on " << isa_name(c.isa) << " " << dtype_name(c.operand) << (c.onednn ? " oneDNN" : " own");
}

TEST(Matmul, AgreesWithDoubleOnOddSizes) {
  for (const Compute& c : all_computes()) {
    for (const Shape s : {Shape{1, 1, 1}, {3, 17, 5}, {7, 33, 48}, {41, 97, 44}, {66, 16, 331}, {130, 60, 100}}) {
      const auto w = random_values(s.out * s.in, 1);
      const Block x(random_values(s.rows * s.in, 2), s.rows, s.in, c.operand),
          dy(random_values(s.rows * s.out, 3), s.rows, s.out, c.operand);
      const Block wr(w, s.out, s.in, c.operand);
      PackedMatrix packed(c, s.out, s.in, true);
      packed.pack(w.data());
      Tensor y(DType::f32, bucket_rows(s.rows), s.out), dx(DType::f32, bucket_rows(s.rows), s.in);
      packed.forward(x.operand, {y.as<float>(), s.rows, s.out});
      packed.backward_input(dy.operand, {dx.as<float>(), s.rows, s.in});
      std::vector<float> dw(static_cast<size_t>(s.out * s.in), 0.5f);
      matmul_weight_gradient(c, dy.operand, x.operand, dw.data());
      for (int64_t r = 0; r < s.rows; r++)
        for (int64_t o = 0; o < s.out; o++) {
          double sum = 0, size = 0;
          for (int64_t i = 0; i < s.in; i++)
            sum += x.at(r, i) * wr.at(o, i), size += std::abs(x.at(r, i) * wr.at(o, i));
          expect_near(y.as<float>()[r * s.out + o], sum, size, c, "forward");
        }
      for (int64_t r = 0; r < s.rows; r++)
        for (int64_t i = 0; i < s.in; i++) {
          double sum = 0, size = 0;
          for (int64_t o = 0; o < s.out; o++)
            sum += dy.at(r, o) * wr.at(o, i), size += std::abs(dy.at(r, o) * wr.at(o, i));
          expect_near(dx.as<float>()[r * s.in + i], sum, size, c, "backward_input");
        }
      for (int64_t o = 0; o < s.out; o++)
        for (int64_t i = 0; i < s.in; i++) {
          double sum = 0.5, size = 0.5;
          for (int64_t r = 0; r < s.rows; r++)
            sum += dy.at(r, o) * x.at(r, i), size += std::abs(dy.at(r, o) * x.at(r, i));
          expect_near(dw[static_cast<size_t>(o * s.in + i)], sum, size, c, "weight_gradient");
        }
    }
  }
}

TEST(Matmul, RowsDoNotDependOnCompanyOrThreads) {
  const int before = thread_count();
  for (const Compute& c : all_computes()) {
    const int64_t rows = 150, out = 97, in = 201;
    const Block x(random_values(rows * in, 2), rows, in, c.operand);
    PackedMatrix packed(c, out, in, false);
    packed.pack(random_values(out * in, 1).data());
    Tensor all(DType::f32, bucket_rows(rows), out), part(DType::f32, bucket_rows(rows), out);
    packed.forward(x.operand, {all.as<float>(), rows, out});
    for (int threads : {1, 2, 3}) {
      set_thread_count(threads);
      for (int64_t n : {1, 2, 3, 9, 31, 64, 100}) {
        const int64_t first = 37;
        const Operand slice{x.operand.row(first), c.operand, n,
                            in};  // x has rows enough beyond: the bucket stays inside
        packed.forward(slice, {part.as<float>(), n, out});
        EXPECT_EQ(0, std::memcmp(part.as<float>(), all.as<float>() + first * out, static_cast<size_t>(n * out) * 4))
            << isa_name(c.isa) << " " << dtype_name(c.operand) << " rows " << n << " threads " << threads;
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

}  // namespace
}  // namespace r1
