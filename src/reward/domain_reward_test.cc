#include "reward/domain_reward.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace r1 {
namespace {

RewardInput domain_input(const std::string& completion, nlohmann::ordered_json row) {
  return {.prompt = "What is 6 + 1?", .completion = completion, .prefilled = "", .row = std::move(row)};
}

// Scores by length, so that one sees which reward judged.
class LengthScore : public Reward {
 public:
  explicit LengthScore(double scale) : scale_(scale) {}
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      out.emplace_back();
      out.back().outcome = Outcome::correct;
      out.back().score = scale_ * static_cast<double>(in.completion.size());
    }
    return out;
  }
  bool needs_groups() const override { return true; }
  std::string name() const override { return "long"; }

 private:
  double scale_;
};

RewardOptions with_long() {
  RewardOptions o;
  o.prefixed.push_back(
      {"long:", [](const std::string& scale) { return std::make_unique<LengthScore>(std::stod(scale)); }});
  return o;
}

TEST(DomainReward, EachRowIsJudgedByItsOwnDomainAlone) {
  const auto reward =
      make_reward("domain(reasoning: math*2+format, helpful:long:1, harmless:long:-1*0.5)*10+tag_count*4", with_long());
  const std::vector<RewardInput> inputs = {
      domain_input("<think>6+1</think> <answer>7</answer>", {{"answer", "7"}}),
      domain_input("abcd", {{"domain", "helpful"}}), domain_input("abcd", {{"domain", "harmless"}, {"answer", "7"}}),
      domain_input("<think>6+1</think> <answer>8</answer>", {{"answer", "7"}, {"domain", "reasoning"}}),
      domain_input("abcd", {{"domain", "helpfull"}})};
  const std::vector<Verdict> v = reward->judge(inputs);
  ASSERT_EQ(v.size(), 5u);
  EXPECT_DOUBLE_EQ(v[0].score, 10 * (2 + 1) + 4);
  EXPECT_EQ(v[0].outcome, Outcome::correct);
  EXPECT_DOUBLE_EQ(v[1].score, 10 * 4);
  EXPECT_DOUBLE_EQ(v[2].score, 10 * -2);
  EXPECT_DOUBLE_EQ(v[3].score, 10 * 1 + 4);
  EXPECT_EQ(v[3].outcome, Outcome::wrong);
  EXPECT_EQ(v[4].outcome, Outcome::failed) << "a misspelt domain is no 0";
  EXPECT_NE(v[4].reason.find("helpfull"), std::string::npos) << v[4].reason;
  EXPECT_TRUE(reward->needs_groups());
  const std::vector<std::pair<std::string, double>> parts = {{"domain", 3},
                                                             {"domain/reasoning", 3},
                                                             {"domain/reasoning:math", 1},
                                                             {"domain/reasoning:format", 1},
                                                             {"tag_count", 1}};
  EXPECT_EQ(v[0].parts, parts);
}

TEST(DomainReward, WhatIsWrongWithTheListIsSaid) {
  for (const char* spec : {"domain()", "domain(math)", "domain(a:math,a:math)", "domain(a:)", "domain(:math)",
                           "domain(a:nonsense)", "domain(a:math", "math+domain(a:math,)"})
    EXPECT_THROW(make_reward(spec, {}), UsageError) << spec;
  EXPECT_NO_THROW(make_reward("domain(a:math, b:domain(c:math, d:format)) + format", {}));
}

}  // namespace
}  // namespace r1
