#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

double rate(SchedulerKind kind, int64_t step, double floor = 0) {
  return learning_rate_at({.kind = kind, .peak = 2, .warmup_steps = 4, .total_steps = 12, .min_rate = floor}, step);
}

TEST(Schedule, WarmsUpFromOneStepsShare) {
  for (SchedulerKind kind : {SchedulerKind::constant, SchedulerKind::linear, SchedulerKind::cosine}) {
    EXPECT_DOUBLE_EQ(rate(kind, 0), 0.5) << "(t + 1) / W: the first step is not lost";
    EXPECT_DOUBLE_EQ(rate(kind, 2), 1.5);
    EXPECT_DOUBLE_EQ(rate(kind, 3), 2);
    EXPECT_DOUBLE_EQ(rate(kind, 4), 2) << "the decay begins behind the warm-up";
  }
}

TEST(Schedule, Decays) {
  EXPECT_DOUBLE_EQ(rate(SchedulerKind::constant, 11), 2);
  EXPECT_DOUBLE_EQ(rate(SchedulerKind::linear, 8), 1);
  EXPECT_DOUBLE_EQ(rate(SchedulerKind::linear, 11), 0.25);
  EXPECT_NEAR(rate(SchedulerKind::cosine, 6), 1 + std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::cosine, 8), 1, 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::cosine, 10), 1 - std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::cosine, 12), 0, 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::cosine, 500), 0, 1e-12) << "and stays there";
}

TEST(Schedule, EndsAtTheFloor) {
  EXPECT_NEAR(rate(SchedulerKind::cosine, 12, 0.1), 0.2, 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::cosine, 8, 0.1), 0.5 * (2 + 0.2), 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::linear, 12, 0.1), 0.2, 1e-12);
  EXPECT_NEAR(rate(SchedulerKind::constant, 12, 0.1), 2, 1e-12);
}

TEST(Schedule, NoWarmUpAndShortRuns) {
  EXPECT_DOUBLE_EQ(learning_rate_at({.kind = SchedulerKind::linear, .peak = 1, .total_steps = 2}, 0), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at({.kind = SchedulerKind::linear, .peak = 1, .total_steps = 2}, 1), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at({.kind = SchedulerKind::cosine, .peak = 1, .warmup_steps = 8, .total_steps = 4}, 3),
                   0.5);
}

// By the formula of transformers' _get_wsd_scheduler_lambda(num_warmup_steps=4, num_stable_steps=4, num_decay_steps=8),
// in Python; its warm-up is t/W instead of (t+1)/W.
TEST(Schedule, StaysAtThePeakAndDecaysAtTheEnd) {
  const auto rate = [](DecayKind decay, int64_t step, double floor = 0) {
    return learning_rate_at({.kind = SchedulerKind::warmup_stable_decay,
                             .peak = 1,
                             .warmup_steps = 4,
                             .total_steps = 16,
                             .min_rate = floor,
                             .decay_steps = 8,
                             .decay = decay},
                            step);
  };
  EXPECT_DOUBLE_EQ(rate(DecayKind::cosine, 1), 0.5);
  for (const DecayKind decay : {DecayKind::cosine, DecayKind::linear, DecayKind::one_minus_sqrt}) {
    for (const int64_t step : {3, 4, 7, 8}) EXPECT_DOUBLE_EQ(rate(decay, step), 1) << step;
    EXPECT_DOUBLE_EQ(rate(decay, 16, 0.1), 0.1);
  }
  EXPECT_NEAR(rate(DecayKind::cosine, 10), 0.8535533905932737, 1e-12);
  EXPECT_NEAR(rate(DecayKind::cosine, 15), 0.03806023374435663, 1e-12);
  EXPECT_NEAR(rate(DecayKind::linear, 11), 0.625, 1e-12);
  EXPECT_NEAR(rate(DecayKind::one_minus_sqrt, 10), 0.5, 1e-12);
  EXPECT_NEAR(rate(DecayKind::linear, 12, 0.2), 0.6, 1e-12);
}

TEST(Schedule, KnowsTransformersNames) {
  EXPECT_EQ(parse_scheduler("constant_with_warmup"), SchedulerKind::constant);
  EXPECT_EQ(parse_scheduler("cosine_with_min_lr"), SchedulerKind::cosine);
  EXPECT_EQ(parse_scheduler("linear"), SchedulerKind::linear);
  EXPECT_EQ(parse_scheduler("warmup_stable_decay"), SchedulerKind::warmup_stable_decay);
  EXPECT_EQ(parse_decay("1-sqrt"), DecayKind::one_minus_sqrt);
  EXPECT_THROW(parse_scheduler("cosinus"), UsageError);
  EXPECT_THROW(parse_decay("sqrt"), UsageError);
}

}  // namespace
}  // namespace r1
