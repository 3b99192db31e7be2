#include "model/floors.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

// A machine on which one FLOP or one byte takes a second, so floors are counts.
constexpr Machine kFlopsOnly{.f32_flops = 1, .bf16_flops = 1, .read_bytes_per_s = 1e30};
constexpr Machine kBytesOnly{.f32_flops = 1e30, .bf16_flops = 1e30, .read_bytes_per_s = 1};

ModelConfig shape(int64_t width, int64_t inner, int64_t layers, int heads, int kv_heads) {
  ModelConfig c;
  c.family = "llama";
  c.vocabulary = 49152;
  c.width = width;
  c.inner = inner;
  c.layers = layers;
  c.heads = heads;
  c.kv_heads = kv_heads;
  c.head_size = static_cast<int>(width) / heads;
  c.tied_embeddings = true;
  return c;
}

// Counted by hand for two layers of width 64, 4 heads and 2 key-value heads of 16, inner 160, 49152 tokens:
// a layer's matrices 64*(64+32+32) + 64*64 + 3*64*160 = 43008; head 64*49152 = 3145728; A = 2*2*64 = 256.
const ModelConfig kTiny = shape(64, 160, 2, 4, 2);
constexpr double kBody = 86016, kHead = 3145728;

TEST(Floors, CountsPrefill) {
  const Floors floors(kTiny, kFlopsOnly, DType::f32);
  EXPECT_DOUBLE_EQ(floors.prefill(make_work({.prompts = 3, .samples = 5, .prompt = 10, .completion = 4})),
                   3.0 * (2 * kBody * 10 + 256 * 100 + 2 * kHead));
}

TEST(Floors, CountsTraining) {
  const Work work = make_work({.prompts = 2, .samples = 3, .prompt = 10, .completion = 4});
  EXPECT_EQ(prompt_tokens(work), 20);
  EXPECT_EQ(completion_tokens(work), 24);
  const Floors floors(kTiny, kFlopsOnly, DType::f32);
  const double products = 2.0 * kBody * (2 * 10 + 6 * 4) + 2.0 * kHead * 24;
  const double attention = 256.0 * (2 * 100 + 6 * (2 * 10 * 4 + 16));
  EXPECT_DOUBLE_EQ(floors.forward(work), products + attention);
  EXPECT_DOUBLE_EQ(floors.backward(work), 2 * products + 2.5 * attention);
  EXPECT_DOUBLE_EQ(floors.train(work), 3 * products + 3.5 * attention);
}

TEST(Floors, TheHeadWorksOnScoredTokensAlone) {
  const Floors floors(kTiny, kFlopsOnly, DType::f32);
  EXPECT_DOUBLE_EQ(floors.forward({{.prompt = 0, .completions = {7}, .scored = 3}}),
                   2.0 * kBody * 7 + 2.0 * kHead * 3 + 256.0 * 49);
}

TEST(Floors, DecodeReadsWeightsAndSharedPromptsOnceAnIteration) {
  const Floors floors(kTiny, kBytesOnly, DType::bf16);
  // keys and values of a token: 2 layers * 2 * 32 * 2 bytes = 256
  const double weights = 2.0 * (kBody + kHead);
  EXPECT_DOUBLE_EQ(floors.decode(make_work({.prompts = 2, .samples = 3, .prompt = 10, .completion = 3}), 64),
                   (weights + 256.0 * (20 + 6)) + (weights + 256.0 * (20 + 12)));
  EXPECT_DOUBLE_EQ(floors.decode(make_work({.prompts = 6, .samples = 1, .prompt = 10, .completion = 2}), 64),
                   weights + 256.0 * (60 + 6));
}

TEST(Floors, DecodeTakesTheSlowerOfArithmeticAndBytes) {
  const Work work = make_work({.prompts = 1, .samples = 1, .prompt = 10, .completion = 2});
  const Floors floors(kTiny, kFlopsOnly, DType::f32);
  EXPECT_DOUBLE_EQ(floors.decode(work, 1), 2.0 * (kBody + kHead) + 2.0 * 256 * 11);
}

TEST(Floors, DecodeRefillsSlotsAtOnce) {
  const Floors floors(kTiny, kBytesOnly, DType::bf16);
  const double weights = 2.0 * (kBody + kHead);
  // two slots; lengths 2, 4 and 3, the first tokens are the prefill's: one, three and two iterations
  const Work work = {{.prompt = 10, .completions = {2, 4}}, {.prompt = 20, .completions = {3}}};
  const double first = weights + 256.0 * (10 + 1 + 1), second = weights + 256.0 * (10 + 20 + 2 + 1),
               third = weights + 256.0 * (10 + 20 + 3 + 2);
  EXPECT_DOUBLE_EQ(floors.decode(work, 2), first + second + third);
  // one after another
  EXPECT_DOUBLE_EQ(floors.decode(work, 1), 6 * weights + 256.0 * (4 * 10 + 1 + (1 + 2 + 3)) + 256.0 * (2 * 20 + 1 + 2));
  EXPECT_EQ(floors.decode({{.prompt = 10, .completions = {1, 1}}}, 2), 0) << "the prefill gave them";
}

TEST(Floors, KnowsTheShapeOfSmolLM2) {
  // 134515008 parameters, as the published model has; the floor reads and writes 30 bytes of each.
  const Floors floors(shape(576, 1536, 30, 9, 3), kBytesOnly, DType::bf16);
  EXPECT_DOUBLE_EQ(floors.optimizer(), 134515008.0 * 30);
  EXPECT_DOUBLE_EQ(floors.optimizer(12), 134515008.0 * 14);
  EXPECT_DOUBLE_EQ(floors.optimizer(28, false), 134515008.0 * 28);
}

}  // namespace
}  // namespace r1
