#include "bench/floors.h"

#include <gtest/gtest.h>

#include "bench/engine.h"

namespace r1::bench {
namespace {

// A machine on which one FLOP or one byte takes a second, so floors are counts.
constexpr Machine kFlopsOnly{.f32_flops = 1, .bf16_flops = 1, .read_bytes_per_s = 1e30};
constexpr Machine kBytesOnly{.f32_flops = 1e30, .bf16_flops = 1e30, .read_bytes_per_s = 1};

// Counted by hand for two layers of width 64, 4 heads and 2 key-value heads of 16, inner 160, 49152 tokens:
// a layer's matrices 64*(64+32+32) + 64*64 + 3*64*160 = 43008; head 64*49152 = 3145728; A = 2*2*64 = 256.
TEST(Floors, CountsPrefill) {
  const Floors floors(shape_config("tiny"), kFlopsOnly, DType::f32);
  EXPECT_DOUBLE_EQ(floors.prefill({.prompts = 3, .samples = 5, .prompt = 10, .completion = 4}),
                   3.0 * (2 * 86016 * 10 + 256 * 100 + 2 * 3145728));
}

TEST(Floors, CountsTraining) {
  const Work work{.prompts = 2, .samples = 3, .prompt = 10, .completion = 4};
  const Floors floors(shape_config("tiny"), kFlopsOnly, DType::f32);
  const double products = 2.0 * 86016 * (2 * 10 + 6 * 4) + 2.0 * 3145728 * 24;
  const double attention = 256.0 * (2 * 100 + 6 * (2 * 10 * 4 + 16));
  EXPECT_DOUBLE_EQ(floors.train_forward(work), products + attention);
  EXPECT_DOUBLE_EQ(floors.train_backward(work), 2 * products + 2.5 * attention);
}

TEST(Floors, DecodeReadsWeightsAndSharedPromptsOnceAnIteration) {
  const Floors floors(shape_config("tiny"), kBytesOnly, DType::bf16);
  // keys and values of a token: 2 layers * 2 * 32 * 2 bytes = 256
  const double weights = 2.0 * (86016 + 3145728);
  EXPECT_DOUBLE_EQ(floors.decode({.prompts = 2, .samples = 3, .prompt = 10, .completion = 3}),
                   (weights + 256.0 * (20 + 6)) + (weights + 256.0 * (20 + 12)));
  EXPECT_DOUBLE_EQ(floors.decode({.prompts = 6, .samples = 1, .prompt = 10, .completion = 2}),
                   weights + 256.0 * (60 + 6));
}

TEST(Floors, DecodeTakesTheSlowerOfArithmeticAndBytes) {
  const Work work{.prompts = 1, .samples = 1, .prompt = 10, .completion = 2};
  const Floors floors(shape_config("tiny"), kFlopsOnly, DType::f32);
  EXPECT_DOUBLE_EQ(floors.decode(work), 2.0 * (86016 + 3145728) + 2.0 * 256 * 11);
}

TEST(Floors, KnowsTheShapeOfSmolLM2) {
  // 134515008 parameters, as the published model has; the floor reads and writes 30 bytes of each.
  const Floors floors(shape_config("smollm2-135m"), kBytesOnly, DType::bf16);
  EXPECT_DOUBLE_EQ(floors.optimiser(), 134515008.0 * 30);
}

}  // namespace
}  // namespace r1::bench
