#include "trace/training_rows.h"

#include <gtest/gtest.h>

#include "text/steps.h"
#include "trace/self_grade.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// One id a byte; 99 ends.
RepairEncoder bytewise() {
  return {[](const std::string& text) { return std::vector<TokenId>(text.begin(), text.end()); }, 99};
}

Thought wrong_sum() {
  Thought t;
  t.completion = "First 3 + 4. So 8. The answer is 8.";
  t.steps = split_steps(t.completion);
  t.prompt_ids = {1, 2};
  return t;
}
Repair repair_of(size_t step, const std::string& right_step, const std::string& rest) {
  Repair r;
  r.step = step;
  r.right_step = right_step;
  r.rest = rest;
  r.right = true;
  return r;
}

TEST(TrainingRows, OneRepairThreeKinds) {
  const RepairRows rows =
      repair_rows("3 + 4?", wrong_sum(), repair_of(1, "So 7. ", "The answer is 7."), "monte_carlo", bytewise());
  EXPECT_EQ(rows.record, Json({{"prompt", "3 + 4?"},
                               {"prefix", "First 3 + 4. "},
                               {"wrong_step", "So 8. "},
                               {"right_step", "So 7. "},
                               {"rest", "The answer is 7."},
                               {"step", 1},
                               {"by", "monte_carlo"}}));
  EXPECT_EQ(rows.corrected["completion"], "First 3 + 4. So 8. Wait, that is wrong: So 7. The answer is 7.");
  EXPECT_EQ(rows.preferred["chosen"], "First 3 + 4. So 7. ");
  EXPECT_EQ(rows.preferred["rejected"], "First 3 + 4. So 8. ");
  // what goes on from the prefix is learned, with the end; prompt and prefix are not
  const std::vector<int> ids = rows.continued["input_ids"], labels = rows.continued["labels"];
  const std::string prefix = "First 3 + 4. ", learned = "So 7. The answer is 7.";
  ASSERT_EQ(ids.size(), 2 + prefix.size() + learned.size() + 1);
  ASSERT_EQ(labels.size(), ids.size());
  for (size_t i = 0; i < ids.size(); i++) EXPECT_EQ(labels[i], i < 2 + prefix.size() ? -100 : ids[i]) << i;
  EXPECT_EQ(ids.back(), 99);
  EXPECT_EQ(ids[2 + prefix.size()], 'S');
}

TEST(TrainingRows, ACorrectionOpensNoSecondThought) {
  Thought t;
  t.completion = " <think> So 8. The answer is 8. </think>";
  t.steps = split_steps(t.completion);
  t.prompt_ids = {1};
  const RepairRows rows =
      repair_rows("3 + 4?", t, repair_of(0, " <think> So 7. ", "It is 7. </think>"), "exact", bytewise());
  EXPECT_EQ(rows.corrected["completion"], " <think> So 8. Wait, that is wrong: So 7. It is 7. </think>");
}

TEST(TrainingRows, WhatDoesNotApplyIsNull) {
  Thought t;
  t.completion = "<think> 3 + 4. </think> <answer> 8 </answer>";
  t.steps = split_steps(t.completion);
  ASSERT_EQ(t.steps.size(), 2u);
  RepairEncoder endless = bytewise();
  endless.end = -1;
  const RepairRows ended = repair_rows("q", t, repair_of(1, "<answer> 7 </answer>", ""), "exact", endless);
  EXPECT_TRUE(ended.corrected.is_null()) << "a thought that has ended is not corrected inside it";
  EXPECT_FALSE(ended.preferred.is_null());
  EXPECT_NE(ended.continued["input_ids"].back(), 99);
  const RepairRows same = repair_rows("q", wrong_sum(), repair_of(1, "So 8. ", "No, 7."), "self", bytewise());
  EXPECT_TRUE(same.preferred.is_null()) << "nothing to choose between";
}

TEST(TrainingRows, OnlyAgreedTruthsCount) {
  using enum Truth;
  const std::vector<Truth> exact = {none, right, wrong, right};
  const Opinion same{"monte_carlo", true, FirstError{2, 0.9}}, other{"monte_carlo", true, FirstError{1, 0.9}};
  const Opinion silent{"monte_carlo", false, FirstError{2, 0.4}};
  EXPECT_EQ(agreed_truths(exact, same, false), (std::vector<Truth>{none, right, wrong, none}));
  const std::vector<Truth> nothing(4, none);
  EXPECT_EQ(agreed_truths(exact, other, false), nothing);
  EXPECT_EQ(agreed_truths(exact, silent, false), nothing);
  EXPECT_EQ(agreed_truths(exact, silent, true), nothing) << "a wrong step under a right answer";
  const std::vector<Truth> fine = {right, none, right, right};
  EXPECT_EQ(agreed_truths(fine, silent, true), fine);
  EXPECT_EQ(agreed_truths(fine, same, false), nothing) << "Monte Carlo alone";
}

TEST(TrainingRows, CriticsAreAskedAsSelfGradesAre) {
  CriticRows rows;
  add_critic_rows("p", {"a. ", "b. ", "c."}, {Truth::right, Truth::none, Truth::wrong}, rows);
  ASSERT_EQ(rows.right.size(), 2u);
  ASSERT_EQ(rows.wrong.size(), 2u);
  const auto [is_right, is_wrong] = grade_questions("p", {"a. ", "b. ", "c."}, 2);
  EXPECT_EQ(rows.wrong[0], Json({{"prompt", is_right}, {"completion", "no"}}));
  EXPECT_EQ(rows.wrong[1], Json({{"prompt", is_wrong}, {"completion", "yes"}}));
  EXPECT_EQ(rows.right[0]["completion"], "yes");
  EXPECT_EQ(rows.right[1]["completion"], "no");
  for (const char* problem : {"q", "r", "s"}) add_critic_rows(problem, {"a."}, {Truth::right}, rows);
  const std::vector<Json> all = balanced(rows);
  ASSERT_EQ(all.size(), 4u) << "one step of each kind, both phrasings";
  EXPECT_EQ(all[0], rows.wrong[0]);
  EXPECT_EQ(all[2], rows.right[0]);
  EXPECT_TRUE(balanced({}).empty());
}

}  // namespace
}  // namespace r1
