#include "kernels/machine.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

const ProbePlan kSmall{.shapes = {{"a", 48, 32}, {"b", 70, 33}},
                       .operands = {DType::f32, DType::bf16, DType::s8},
                       .rows = {8, 64},
                       .seconds = 0,
                       .read_bytes = 1 << 20};

TEST(MachineProbe, EveryShapeAndRowCountOfWhatTheMachineHas) {
  const Compute compute = make_compute("auto");
  const std::vector<ProductRate> rates = measure_products(compute, kSmall);
  const auto count = [&](DType operand) {
    int n = 0;
    for (const ProductRate& r : rates) n += r.operand == operand && r.flops > 0;
    return n;
  };
  EXPECT_EQ(count(DType::f32), 4);
  EXPECT_EQ(count(DType::bf16), compute.isa == Isa::avx512bf16 ? 4 : 0);
  const bool vnni = compute.isa >= Isa::avx512 && __builtin_cpu_supports("avx512vnni");
  EXPECT_EQ(count(DType::s8), vnni ? 4 : 0);
}

TEST(MachineProbe, TheBestCounts) {
  const Machine m = machine_of({{.shape = {}, .rows = 1, .operand = DType::f32, .flops = 2},
                                {.shape = {}, .rows = 1, .operand = DType::f32, .flops = 3},
                                {.shape = {}, .rows = 1, .operand = DType::s8, .flops = 9},
                                {.shape = {}, .rows = 1, .operand = DType::bf16, .flops = 5}});
  EXPECT_EQ(m.f32_flops, 3);
  EXPECT_EQ(m.bf16_flops, 5);
  EXPECT_EQ(m.s8_flops, 9);
  EXPECT_EQ(m.flops(DType::bf16), 5);
  Machine best{.f32_flops = 7, .bf16_flops = 1, .s8_flops = 1, .read_bytes_per_s = 1};
  best.keep_best(m);
  EXPECT_EQ(best.f32_flops, 7);
  EXPECT_EQ(best.bf16_flops, 5);
  EXPECT_EQ(best.s8_flops, 9);
}

TEST(MachineProbe, MeasuresHowThreadsMeet) { EXPECT_GT(measure_meeting(), 0); }

TEST(MachineProbe, MeasuresReadingToo) { EXPECT_GT(measure_machine(make_compute("f32"), kSmall).read_bytes_per_s, 0); }

}  // namespace
}  // namespace r1
