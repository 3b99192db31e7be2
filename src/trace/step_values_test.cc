#include "trace/step_values.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.h"

namespace r1 {
namespace {

// Continuations of a thought whose step `error` is wrong: right with `alive` before it, with `dead` behind it.
class FakeSampler : public PrefixSampler {
 public:
  FakeSampler(size_t error, double alive, double dead, uint32_t number)
      : error_(error), alive_(alive), dead_(dead), number_(number) {}
  std::vector<PrefixDraws> draw(std::span<const PrefixRequest> requests) override {
    std::vector<PrefixDraws> out;
    for (const PrefixRequest& r : requests) {
      PrefixDraws d{0, r.count, 10 * r.count, {}};
      for (int i = 0; i < r.count; i++) {
        const RandomPlace place{.seed = 3,
                                .stage = Stage::test,
                                .prompt = number_,
                                .sample = static_cast<uint32_t>(r.steps),
                                .token = static_cast<uint32_t>(r.first + i)};
        d.right += random_uniform(place) < (r.steps > error_ ? dead_ : alive_);
      }
      out.push_back(d);
      batches++;
    }
    return out;
  }
  int batches = 0;

 private:
  size_t error_;
  double alive_, dead_;
  uint32_t number_;
};

TEST(StepValues, ASureSamplerIsBisected) {
  for (size_t n = 1; n <= 17; n++)
    for (size_t error = 0; error < n; error++) {
      FakeSampler sampler(error, 1, 0, 0);
      const MonteCarloTrace t = bisect_first_error(sampler, n, false, {});
      ASSERT_TRUE(t.decided && t.first) << error << " of " << n;
      EXPECT_EQ(t.first->step, error) << n;
      EXPECT_GE(t.first->confidence, 0.7);
      EXPECT_LE(t.rollouts, MonteCarloOptions().most_rollouts * std::ceil(std::log2(n))) << n;
      EXPECT_EQ(t.tokens, 10 * t.rollouts);
      FakeSampler again(error, 1, 0, 0);
      const MonteCarloTrace all = exhaust_first_error(again, n, false, {});
      ASSERT_TRUE(all.first);
      EXPECT_EQ(all.first->step, error);
      EXPECT_EQ(all.rollouts, static_cast<int64_t>(n) * MonteCarloOptions().exhaustive_rollouts);
    }
}

TEST(StepValues, WhatCannotBeSaid) {
  FakeSampler dead(0, 0, 0, 0);
  const MonteCarloTrace t = bisect_first_error(dead, 8, false, {});
  EXPECT_FALSE(t.decided) << "the model never solves this: nothing follows from its failures";
  EXPECT_LT(t.first->confidence, 0.6) << "a guess, and it says so";
  FakeSampler one(0, 0, 0, 0);
  const MonteCarloTrace single = bisect_first_error(one, 1, false, {});
  EXPECT_TRUE(single.decided) << "its only step, whatever continuations say";
  EXPECT_EQ(single.first->confidence, 1);
  EXPECT_EQ(single.rollouts, 0);
  FakeSampler fine(9, 1, 0, 0);
  const MonteCarloTrace right = bisect_first_error(fine, 8, true, {});
  EXPECT_TRUE(right.decided);
  EXPECT_FALSE(right.first);
  EXPECT_EQ(right.rollouts, 0) << "a right answer proves its prefixes alive";
  FakeSampler poor(5, 1, 0, 0);
  const MonteCarloTrace ended = bisect_first_error(poor, 64, false, {.budget = 100});
  EXPECT_FALSE(ended.decided) << "the budget";
  EXPECT_LE(ended.tokens, 160);
  EXPECT_TRUE(bisect_first_error(poor, 0, false, {}).decided);
}

// With noise: the place is found nearly always, for far less than everywhere costs.
TEST(StepValues, NoiseAndCost) {
  constexpr size_t kSteps = 16;
  int found = 0, exhaustive_found = 0, n = 0;
  int64_t rollouts = 0, all = 0;
  for (uint32_t i = 0; i < 200; i++, n++) {
    const size_t error = i % kSteps;
    FakeSampler a(error, 0.8, 0.02, i), b(error, 0.8, 0.02, i);
    const MonteCarloTrace t = bisect_first_error(a, kSteps, false, {});
    const MonteCarloTrace e = exhaust_first_error(b, kSteps, false, {});
    found += t.first && t.first->step == error;
    exhaustive_found += e.first && e.first->step == error;
    rollouts += t.rollouts;
    all += e.rollouts;
  }
  EXPECT_GT(found, 160);
  EXPECT_GT(exhaustive_found, 160);
  EXPECT_LT(static_cast<double>(rollouts), 0.4 * static_cast<double>(all));
}

// A policy that solves one in seven, and repairs now and then: the fall is relative.
TEST(StepValues, AWeakSampler) {
  constexpr size_t kSteps = 4;
  int found = 0;
  double sure = 0;
  for (uint32_t i = 0; i < 200; i++) {
    FakeSampler a(i % kSteps, 0.3, 0.02, i);
    const MonteCarloTrace t = bisect_first_error(a, kSteps, false, {});
    sure += t.first->confidence;
    found += t.first && t.first->step == i % kSteps;
  }
  EXPECT_GT(found, 110);
  EXPECT_NEAR(sure / 200, found / 200.0, 0.1) << "it knows how often it is right";
}

// exp of log-betas by Python's math.lgamma: three prefixes of 6 of 8, 1 of 8 and 0 of 8 right, p_dead 0.05
TEST(StepValues, WhereTheValueFalls) {
  const std::vector<PrefixValue> prefixes = {{6, 8, {}}, {1, 8, {}}, {0, 8, {}}};
  const std::vector<double> p = place_posterior(prefixes, 0.05);
  const std::vector<double> expected = {0.00018338463435539585, 0.9264660917515443, 0.0711664321402024,
                                        0.002184091473897912};
  ASSERT_EQ(p.size(), expected.size());
  for (size_t i = 0; i < p.size(); i++) EXPECT_NEAR(p[i], expected[i], 1e-9) << i;
}

// Wilson (1927), by Python's floats
TEST(StepValues, WilsonsInterval) {
  EXPECT_NEAR(share_interval(0, 8).high, 0.3244075648838803, 1e-12);
  EXPECT_NEAR(share_interval(3, 8).low, 0.1368442858235974, 1e-12);
  EXPECT_NEAR(share_interval(3, 8).high, 0.6942576053973727, 1e-12);
  EXPECT_EQ(share_interval(0, 0).high, 1);
}

}  // namespace
}  // namespace r1
