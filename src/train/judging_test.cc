#include "train/judging.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace r1 {
namespace {

// Says what it was asked, and how many came at once.
class Echo : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    largest = std::max(largest, inputs.size());
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      if (in.completion == "break") fail("the checker broke");
      out.push_back({.outcome = Outcome::correct, .score = 1, .reason = in.completion, .extracted = {}, .parts = {}});
    }
    return out;
  }
  std::string name() const override { return "echo"; }
  size_t largest = 0;
};

RewardInput input(const std::string& completion) {
  RewardInput in;
  in.completion = completion;
  return in;
}

TEST(Judging, EveryVerdictFindsItsInput) {
  Echo echo;
  AsyncJudge judge(echo, 101);
  for (size_t i = 101; i-- > 0;) judge.submit(i, input(std::to_string(i)));  // finished in any order
  const std::vector<Verdict> verdicts = judge.finish();
  ASSERT_EQ(verdicts.size(), 101u);
  for (size_t i = 0; i < 101; i++) {
    EXPECT_EQ(verdicts[i].outcome, Outcome::correct);
    EXPECT_EQ(verdicts[i].reason, std::to_string(i));
  }
  EXPECT_EQ(echo.largest, 16u) << "small batches, so that judging begins while sampling goes on";
}

TEST(Judging, SamplesThatAreComparedComeTogether) {
  class Group : public Echo {
    bool needs_groups() const override { return true; }
  } group;
  AsyncJudge judge(group, 40);
  for (size_t i = 0; i < 40; i++) judge.submit(i, input(std::to_string(i)));
  EXPECT_EQ(judge.finish()[39].reason, "39");
  EXPECT_EQ(group.largest, 40u);
}

TEST(Judging, WhatWasNeverSampledIsFailedNotWrong) {
  Echo echo;
  AsyncJudge judge(echo, 3);
  judge.submit(1, input("x"));
  const std::vector<Verdict> verdicts = judge.finish();
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_EQ(verdicts[0].outcome, Outcome::failed);
  EXPECT_EQ(verdicts[1].outcome, Outcome::correct);
  EXPECT_EQ(verdicts[2].reason, "was never sampled");
}

TEST(Judging, AnErrorOfTheRewardComesOut) {
  Echo echo;
  AsyncJudge judge(echo, 40);
  for (size_t i = 0; i < 40; i++) judge.submit(i, input(i == 3 ? "break" : "x"));
  EXPECT_THROW(judge.finish(), Error);
}

TEST(Judging, MayBeDroppedBeforeItsEnd) {
  Echo echo;
  AsyncJudge judge(echo, 100);
  for (size_t i = 0; i < 50; i++) judge.submit(i, input("x"));
}

}  // namespace
}  // namespace r1
