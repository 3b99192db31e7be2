#include "train/step_advantages.h"

#include <gtest/gtest.h>

#include "base/durable_file.h"
#include "base/json.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

SteppedAnswer stepped(const Json& json) {
  SteppedAnswer a;
  for (const Json& t : json.at("truths"))
    a.truths.push_back(t == "right" ? Truth::right : t == "wrong" ? Truth::wrong : Truth::none);
  const std::string outcome = json.at("outcome");
  a.right = outcome == "right";
  a.wrong = outcome == "wrong";
  if (outcome != "failed") a.reward = json.at("reward").get<double>();
  for (const Json& p : json.at("prefixes"))
    a.prefixes.push_back({p[0].get<size_t>(), p[1].get<int>(), p[2].get<int>(), p[3].get<double>()});
  return a;
}

std::vector<SteppedGroup> stepped_groups(const Json& json) {
  std::vector<SteppedGroup> out;
  for (const Json& group : json) {
    out.emplace_back();
    for (const Json& a : group) out.back().push_back(stepped(a));
  }
  return out;
}

ScaleRewards golden_scale(const std::string& name) {
  return name == "group" ? ScaleRewards::group : name == "batch" ? ScaleRewards::batch : ScaleRewards::none;
}

void expect_golden(const Json& golden, const std::vector<SteppedGroup>& groups, const StepValues& advantages,
                   const std::string& key) {
  const Json& expected = golden.at("expected").at(key);
  int gaps = 0;
  for (size_t g = 0; g < groups.size(); g++)
    for (size_t i = 0; i < groups[g].size(); i++) {
      ASSERT_EQ(advantages[g][i].size(), groups[g][i].truths.size());
      const Json& ends = golden.at("groups")[g][i].at("ends");
      size_t step = 0;
      for (size_t t = 0; t < expected[g][i].size(); t++) {
        while (t >= ends[step].get<size_t>()) step++;
        const double want = expected[g][i][t];
        if (std::abs(advantages[g][i][step] - want) > 1e-7 && gaps++ == 0)
          ADD_FAILURE() << golden.at("name") << " " << key << ": group " << g << ", answer " << i << ", token " << t
                        << " is " << advantages[g][i][step] << ", NumPy says " << want;
      }
    }
  EXPECT_EQ(gaps, 0);
}

// tools/make_step_goldens.py
TEST(StepAdvantages, AreWhatNumPyComputes) {
  const Json cases = Json::parse(read_text_file(std::string(R1_SOURCE_DIR) + "/tests/golden/step_advantages.json"));
  ASSERT_GE(cases.size(), 12u);
  for (const Json& golden : cases) {
    const std::vector<SteppedGroup> groups = stepped_groups(golden.at("groups"));
    const ScaleRewards scale = golden_scale(golden.at("scale"));
    for (const std::string kind : {"process", "step_mc"}) {
      StepValues advantages = kind == "process" ? process_advantages(groups, scale) : step_mc_advantages(groups, scale);
      expect_golden(golden, groups, advantages, kind + "/all");
      for (size_t g = 0; g < groups.size(); g++)
        for (size_t i = 0; i < groups[g].size(); i++)
          if (const auto first = first_wrong_step(groups[g], i)) blame_from(advantages[g][i], *first);
      expect_golden(golden, groups, advantages, kind + "/from_error");
    }
  }
}

TEST(StepAdvantages, OfMonteCarloAddUpToTheOutcomesOwn) {
  const std::vector<SteppedGroup> groups = {
      {{.truths = std::vector<Truth>(4), .reward = 1, .right = true, .prefixes = {{1, 4, 1, 1}, {3, 4, 3, 3}}},
       {.truths = std::vector<Truth>(1), .reward = 0, .wrong = true},
       {.truths = std::vector<Truth>(2), .reward = 0.25, .wrong = true}}};
  const StepValues a = step_mc_advantages(groups, ScaleRewards::none);
  EXPECT_DOUBLE_EQ(a[0][0][0], 0.25 - 0.125);
  EXPECT_DOUBLE_EQ(a[0][0][1], 0.5) << "steps 1 and 2 share what they did together";
  EXPECT_DOUBLE_EQ(a[0][0][2], 0.5);
  EXPECT_DOUBLE_EQ(a[0][0][3], 0.25);
  EXPECT_DOUBLE_EQ(a[0][0][0] + a[0][0][1] + a[0][0][3], 1 - 0.125);
  EXPECT_DOUBLE_EQ(a[0][1][0], 0 - 0.625);
}

TEST(StepAdvantages, BlameBeginsWhereTheFirstErrorIs) {
  const Truth none = Truth::none, right = Truth::right, wrong = Truth::wrong;
  const SteppedAnswer good = {.truths = {right}, .reward = 1, .right = true};
  const auto first = [&](SteppedAnswer a) { return first_wrong_step({std::move(a), good, good, good, good}, 0); };
  EXPECT_EQ(first({.truths = {none, right, wrong, wrong}, .reward = 0, .wrong = true}), 2u);
  EXPECT_EQ(first({.truths = {none, right, none}, .reward = 0, .wrong = true}), std::nullopt);
  EXPECT_EQ(first({.truths = {none, wrong}, .reward = 1, .right = true}), std::nullopt) << "nothing to blame";
  EXPECT_EQ(first({.truths = {none, wrong}, .reward = 0}), std::nullopt) << "no answer is another fault";
  // a fall that is significant only against an earlier prefix marks the step before it
  EXPECT_EQ(first({.truths = {none, none, none, none},
                   .reward = 0,
                   .wrong = true,
                   .prefixes = {{1, 9, 9, 9}, {2, 9, 7, 7}, {3, 9, 3, 3}}}),
            2u);
  EXPECT_EQ(first({.truths = {none, none, none}, .reward = 0, .wrong = true, .prefixes = {{1, 4, 4, 4}, {2, 4, 3, 3}}}),
            2u)
      << "the end is the fall";
  EXPECT_EQ(first({.truths = {none, none, none}, .reward = 0, .wrong = true, .prefixes = {{1, 2, 1, 1}, {2, 2, 0, 0}}}),
            std::nullopt)
      << "dead before the end, and nobody saw where";
  std::vector<double> steps = {-1, 2, -3, -4};
  blame_from(steps, 3);
  EXPECT_EQ(steps, (std::vector<double>{0, 2, 0, -4}));
}

TEST(StepAdvantages, PrefixesDifferHaveTokensAndLeaveSome) {
  const auto chosen = [](const std::vector<size_t>& ends, size_t most) { return chosen_prefixes(ends, most, 100); };
  EXPECT_EQ(chosen({3, 5, 9}, 8), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(chosen({0, 5, 5, 9, 9}, 8), (std::vector<size_t>{2})) << "steps without tokens";
  EXPECT_EQ(chosen({4}, 8), std::vector<size_t>());
  EXPECT_EQ(chosen({}, 8), std::vector<size_t>());
  EXPECT_EQ(chosen({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 2), (std::vector<size_t>{4, 7}));
  EXPECT_EQ(chosen({1, 2, 3, 4}, 1), (std::vector<size_t>{2}));
  EXPECT_EQ(chosen_prefixes({3, 5, 9}, 8, 5), (std::vector<size_t>{1})) << "no room for a continuation";
  for (size_t n = 1; n < 30; n++)
    for (size_t most = 1; most < 12; most++) {
      std::vector<size_t> ends;
      for (size_t i = 1; i <= n; i++) ends.push_back(i);
      const std::vector<size_t> out = chosen(ends, most);
      EXPECT_EQ(out.size(), std::min(n - 1, most));
      for (size_t i = 1; i < out.size(); i++) EXPECT_LT(out[i - 1], out[i]);
    }
}

TEST(StepAdvantages, TheFormulaSaysWhatCounts) {
  const std::string process = step_formula_text("process", "from_error", "group", 4);
  EXPECT_NE(process.find("std_group + 1e-4"), std::string::npos) << process;
  EXPECT_NE(process.find("first wrong step"), std::string::npos) << process;
  const std::string values = step_formula_text("step_mc", "all", "none", 9);
  EXPECT_NE(values.find("9 continuations"), std::string::npos) << values;
  EXPECT_EQ(values.find("std"), std::string::npos) << values;
  EXPECT_EQ(values.find("first wrong step"), std::string::npos) << values;
}

}  // namespace
}  // namespace r1
