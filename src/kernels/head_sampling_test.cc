// What LmHead::sample draws, and what it says about it.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/filtered_sampling.h"
#include "kernels/head_problem.h"

namespace r1 {
namespace {

TEST(LmHeadSampling, LogProbIsTheScoredOneBitForBit) {
  const int before = thread_count();
  set_thread_count(3);  // rows are shared out
  for (const Compute& c : all_computes()) {
    const int64_t rows = 530;
    const HeadProblem p(c, rows, 4099, 33);
    LmHead head(c, p.vocabulary, p.width, false);
    head.pack(p.w.data());
    std::vector<SampleSpec> specs(static_cast<size_t>(rows));
    for (size_t r = 0; r < specs.size(); r++) {
      specs[r].place = {.seed = 1, .stage = Stage::sampling, .sample = static_cast<uint32_t>(r)};
      specs[r].temperature = r % 5 == 0 ? 0.0f : r % 5 == 1 ? 0.7f : 1.0f;
      if (r % 5 == 2) specs[r].top_k = 5;
    }
    std::vector<SampledToken> tokens(specs.size());
    head.sample(p.h.operand, specs, tokens.data());
    std::vector<int32_t> ids;
    for (const auto& t : tokens) ids.push_back(t.id);
    std::vector<HeadScore> scores(specs.size());
    head.score(p.h.operand, ids.data(), scores.data());
    for (size_t r = 0; r < specs.size(); r++) {
      ASSERT_EQ(tokens[r].logp, scores[r].logp) << r;
      if (r % 7 != 0) continue;
      SampledToken alone;  // the same row alone
      head.sample({p.h.operand.row(static_cast<int64_t>(r)), c.operand, 1, p.width}, {&specs[r], 1}, &alone);
      ASSERT_EQ(alone.id, tokens[r].id) << r;
      ASSERT_EQ(alone.logp, tokens[r].logp) << r;
      ASSERT_EQ(alone.sampling_logp, tokens[r].sampling_logp) << r;
    }
  }
  set_thread_count(before);
}

// 6,000 draws from one row (500 copies a call) against the exact distribution.
void expect_distribution(const SampleSpec& base, const HeadProblem& p, const LmHead& head) {
  const auto probability = sampling_distribution_ref(p.logits(0), base);
  const int64_t rows = p.h.operand.rows;
  std::vector<int64_t> counts(probability.size());
  std::vector<SampleSpec> specs(static_cast<size_t>(rows), base);
  std::vector<SampledToken> tokens(specs.size());
  for (uint32_t call = 0; call < 12; call++) {
    for (size_t r = 0; r < specs.size(); r++)
      specs[r].place = {.seed = 9, .stage = Stage::sampling, .step = call, .sample = static_cast<uint32_t>(r)};
    head.sample(p.h.operand, specs, tokens.data());
    for (const SampledToken& t : tokens) {
      counts[static_cast<size_t>(t.id)]++;
      ASSERT_NEAR(t.sampling_logp, std::log(probability[static_cast<size_t>(t.id)]), 1e-4);
    }
  }
  EXPECT_TRUE(draws_fit(counts, probability))
      << "temperature " << base.temperature << " k " << base.top_k << " p " << base.top_p << " min " << base.min_p;
}

TEST(LmHeadSampling, DrawsFollowTheReferenceDistribution) {
  const Compute c{detect_isa() >= Isa::avx512 ? Isa::avx512 : detect_isa(), DType::f32, false};
  HeadProblem p(c, 500, 2100, 5, 0.9);
  for (int64_t r = 1; r < 500; r++) std::memcpy(p.h.operand.row(r), p.h.operand.row(0), 5 * sizeof(float));
  LmHead head(c, p.vocabulary, p.width, false);
  head.pack(p.w.data());
  for (float t : {1.0f, 0.6f}) {
    expect_distribution({.temperature = t}, p, head);
    expect_distribution({.temperature = t, .top_k = 7}, p, head);
    expect_distribution({.temperature = t, .top_p = 0.8f}, p, head);
    expect_distribution({.temperature = t, .min_p = 0.1f}, p, head);
    expect_distribution({.temperature = t, .top_k = 40, .top_p = 0.7f, .min_p = 0.2f}, p, head);
  }
  expect_distribution({.temperature = 1, .top_k = 1}, p, head);
  expect_distribution({.temperature = 1, .top_p = 1e-6f}, p, head);
  expect_distribution({.temperature = 1, .min_p = 1}, p, head);
}

TEST(LmHeadSampling, EveryInstructionSetDrawsTheSameFromTheSameLogits) {
  const Compute scalar{Isa::scalar, DType::f32, false};
  const HeadProblem p(scalar, 200, 2100, 1, 1.5);  // width 1: one product a logit, no sum that could round otherwise
  std::vector<SampleSpec> specs(200);
  for (size_t r = 0; r < specs.size(); r++)
    specs[r].place = {.seed = 2, .stage = Stage::sampling, .sample = static_cast<uint32_t>(r)};
  std::vector<int32_t> want;
  for (const Compute& c : own_computes()) {
    if (c.operand == DType::bf16) continue;
    LmHead head(c, 2100, 1, false);
    head.pack(p.w.data());
    std::vector<SampledToken> tokens(200);
    head.sample(p.h.operand, specs, tokens.data());
    std::vector<int32_t> ids;
    for (const auto& t : tokens) ids.push_back(t.id);
    if (want.empty()) want = ids;
    EXPECT_EQ(ids, want) << compute_name(c);
  }
}

TEST(LmHeadSampling, ArgMaxTiesGoToTheLowestId) {
  for (const Compute& c : own_computes()) {
    HeadProblem p(c, 1, 4200, 3);
    for (size_t v : {size_t{4099}, size_t{2047}, size_t{2048}, size_t{77}, size_t{63}})  // across lanes and tiles
      for (size_t i = 0; i < 3; i++) p.w[v * 3 + i] = 8 * static_cast<float>(p.h.at(0, static_cast<int64_t>(i)));
    LmHead head(c, 4200, 3, false);
    head.pack(p.w.data());
    const SampleSpec spec{.temperature = 0};
    SampledToken token;
    head.sample(p.h.operand, {&spec, 1}, &token);
    EXPECT_EQ(token.id, 63) << compute_name(c);
    EXPECT_EQ(token.sampling_logp, 0.0f);
  }
}

TEST(LmHeadSampling, BrokenLogitsAreANamedError) {
  for (const Compute& c : own_computes())
    for (const SampleSpec& spec : {SampleSpec{}, SampleSpec{.temperature = 0}, SampleSpec{.temperature = 0.5f},
                                   SampleSpec{.top_k = 3}, SampleSpec{.top_p = 0.5f}})
      for (size_t bad : {size_t{3}, size_t{2099}}) {
        HeadProblem p(c, 2, 2100, 5);
        p.w[bad * 5] = NAN;
        LmHead head(c, 2100, 5, false);
        head.pack(p.w.data());
        SampledToken tokens[2];
        const SampleSpec specs[2] = {spec, spec};
        EXPECT_THROW(head.sample(p.h.operand, specs, tokens), Error) << compute_name(c);
      }
}

TEST(LmHeadSampling, TemperatureNearZeroIsNearlyArgMax) {
  for (const Compute& c : own_computes()) {
    const HeadProblem p(c, 20, 2100, 5);
    LmHead head(c, 2100, 5, false);
    head.pack(p.w.data());
    std::vector<SampleSpec> cold(20, {.temperature = 1e-6f}), zero(20, {.temperature = 0});
    std::vector<SampledToken> a(20), b(20);
    head.sample(p.h.operand, cold, a.data());
    head.sample(p.h.operand, zero, b.data());
    for (size_t r = 0; r < 20; r++) EXPECT_EQ(a[r].id, b[r].id) << compute_name(c);
  }
}

TEST(FilteredSampling, FewestBestThatReachTopP) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
  std::vector<int64_t> counts(4);
  for (uint32_t i = 0; i < 2000; i++)
    counts[static_cast<size_t>(sample_filtered(logits, {.top_p = 0.65f, .place = {.seed = 1, .step = i}}).id)]++;
  EXPECT_EQ(counts[0], 0);
  EXPECT_EQ(counts[2], 0);
  EXPECT_TRUE(draws_fit(counts, {0, 4.0 / 7, 0, 3.0 / 7}));
}

TEST(FilteredSampling, TiesAtTheEdgeGoToTheLowestId) {
  const std::vector<float> logits = {1, 2, 2, 2, 0};
  for (uint32_t i = 0; i < 200; i++) {
    const int32_t id = sample_filtered(logits, {.top_k = 2, .place = {.seed = 1, .step = i}}).id;
    EXPECT_TRUE(id == 1 || id == 2) << id;
  }
}

}  // namespace
}  // namespace r1
