#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"

namespace r1 {
namespace {

uint32_t bits_of(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return u;
}
float float_of(uint32_t u) {
  float x;
  std::memcpy(&x, &u, 4);
  return x;
}

// IEEE 754 binary16 by its definition.
double half_value(uint16_t h) {
  const int exponent = h >> 10 & 31, mantissa = h & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return h & 0x8000 ? -magnitude : magnitude;
}

TEST(TensorConversions, AllHalves) {
  for (uint32_t h = 0; h < 65536; h++) {
    const float got = half_to_float(static_cast<uint16_t>(h));
    ASSERT_EQ(std::signbit(got), (h & 0x8000) != 0) << h;
    if ((h >> 10 & 31) == 31) {
      ASSERT_EQ(std::isnan(got), (h & 1023) != 0) << h;
      ASSERT_EQ(std::isinf(got), (h & 1023) == 0) << h;
    } else {
      ASSERT_EQ(got, half_value(static_cast<uint16_t>(h))) << h;
    }
  }
}

TEST(TensorConversions, AllBfloats) {
  for (uint32_t b = 0; b < 65536; b++) {
    const float wide = to_float(bf16{static_cast<uint16_t>(b)});
    ASSERT_EQ(bits_of(wide), b << 16);
    const uint16_t back = to_bf16(wide).bits;
    if (std::isnan(wide))
      ASSERT_EQ(back, b | 0x40) << b;  // quiet
    else
      ASSERT_EQ(back, b);
  }
}

// Around every bfloat: below, at and above the midpoint to the next.
TEST(TensorConversions, RoundsToNearestEven) {
  for (uint32_t b = 0; b < 0x7f80; b++)
    for (uint32_t sign : {0u, 0x8000u}) {
      const uint32_t at = (b | sign) << 16;
      const uint16_t here = static_cast<uint16_t>(b | sign), next = static_cast<uint16_t>(here + 1);
      ASSERT_EQ(to_bf16(float_of(at + 0x7fff)).bits, here);
      ASSERT_EQ(to_bf16(float_of(at + 0x8000)).bits, b & 1 ? next : here);
      ASSERT_EQ(to_bf16(float_of(at + 0x8001)).bits, next);  // the largest finite rounds up to infinity
    }
}

TEST(TensorConversions, NotANumberStaysOne) {
  for (uint32_t u : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffffffffu})
    EXPECT_TRUE(std::isnan(to_float(to_bf16(float_of(u))))) << u;
}

TEST(Tensor, IsAlignedZeroedAndMoves) {
  Tensor a(DType::bf16, 3, 5);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.raw()) % 64, 0u);
  EXPECT_EQ(a.bytes(), 30u);
  for (int i = 0; i < 15; i++) EXPECT_EQ(a.as<bf16>()[i].bits, 0);
  void* block = a.raw();
  Tensor b = std::move(a);
  EXPECT_EQ(b.raw(), block);
  EXPECT_EQ(b.rows(), 3);
  Tensor large(DType::f32, 1 << 10, 1 << 10);
  EXPECT_EQ(large.as<float>()[(1 << 20) - 1], 0.0f);
  large = std::move(b);
  EXPECT_EQ(large.raw(), block);
}

TEST(Tensor, MemoryThatIsNotThereIsANamedError) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer ends the process before the allocation can fail";
#endif
  try {
    Tensor t(DType::f32, int64_t{1} << 40, 1 << 10);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("out of memory"), std::string::npos);
  }
}

TEST(TensorView, CutsColumnsAndRows) {
  std::vector<float> x(20);
  for (size_t i = 0; i < 20; i++) x[i] = static_cast<float>(i);
  const TensorView<float> all(x.data(), 4, 5);
  const auto part = all.columns(2, 2).row_range(1, 2);
  EXPECT_EQ(part.rows, 2);
  EXPECT_EQ(part.cols, 2);
  EXPECT_EQ(part.row(0)[0], 7);
  EXPECT_EQ(part.row(1)[1], 13);
}

TEST(Half, EveryHalfComesBackAndWhatIsBetweenGoesToTheNearest) {
  for (uint32_t h = 0; h < 0x8000; h++) {
    const uint16_t half = static_cast<uint16_t>(h), negative = static_cast<uint16_t>(h | 0x8000);
    if (h > 0x7c00) {
      EXPECT_GT(float_to_half(half_to_float(half)) & 0x7fff, 0x7c00) << "NaN stays NaN";
      continue;
    }
    ASSERT_EQ(float_to_half(half_to_float(half)), half);
    ASSERT_EQ(float_to_half(half_to_float(negative)), negative);
    if (h >= 0x7bff) continue;
    const float low = half_to_float(half), high = half_to_float(static_cast<uint16_t>(h + 1));
    const float middle = (low + high) / 2;  // exact: floats have thirteen bits more
    ASSERT_EQ(float_to_half(middle), h % 2 == 0 ? h : h + 1) << "ties go to even";
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), h);
    ASSERT_EQ(float_to_half(-std::nextafter(middle, 1e9f)), (h + 1) | 0x8000);
  }
  EXPECT_EQ(float_to_half(65519.996f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(-3e38f), 0xfc00);
}

}  // namespace
}  // namespace r1
