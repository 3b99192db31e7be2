#include "data/tasks/task_rows.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "data/arithmetic.h"
#include "data/tasks/task.h"

namespace r1 {
namespace {

Verdict judge_one(const std::string& data, const std::string& spec, const DataRow& row, const std::string& completion) {
  const RewardInput in{.prompt = row.prompt,
                       .completion = completion,
                       .prefilled = "",
                       .num_tokens = 1,
                       .truncated = false,
                       .row = row.row};
  return make_reward_for(data, spec, {.max_completion_length = 100})->judge({&in, 1})[0];
}

TEST(TaskRows, CarryWhatTheirRewardNeeds) {
  for (const tasks::TaskFamily& family : tasks::task_families()) {
    if (family.name == "arithmetic") continue;
    const std::string source = "tasks:" + family.name;
    TaskOptions options;
    options.num_rows = 20;
    options.with_solution = true;
    const Dataset d = load_dataset(source, options);
    ASSERT_EQ(d.rows.size(), 20u);
    ASSERT_EQ(d.shape, DataShape::prompt_completion);
    for (const DataRow& row : d.rows) {
      EXPECT_EQ(row.row["task"], family.name);
      const Verdict v = judge_one(source, "auto", row, row.completion);
      EXPECT_EQ(v.outcome, Outcome::correct) << v.reason << row.row;
      EXPECT_EQ(v.score, 1);
      EXPECT_EQ(v.parts, (std::vector<std::pair<std::string, double>>{{"task", 1.0}}));
      EXPECT_EQ(judge_one(source, "task+format", row, row.completion).score, 2);
      EXPECT_NE(judge_one(source, "task", row, "<answer>?!</answer>").outcome, Outcome::correct);
      EXPECT_NE(judge_one(source, "task", row, "<answer>?!</answer>").outcome, Outcome::failed);
    }
  }
}

TEST(TaskRows, AutoIsMathWhereItWas) {
  TaskOptions options;
  options.num_rows = 5;
  const Dataset d = load_dataset("tasks:arithmetic", options);
  const Verdict v = judge_one("tasks:arithmetic", "auto", d.rows[0], "<answer>" + d.rows[0].answer + "</answer>");
  EXPECT_EQ(v.outcome, Outcome::correct);
  EXPECT_EQ(v.parts[0].first, "math");
  EXPECT_EQ(judge_one("tasks:arithmetic", "task", d.rows[0], "<answer>" + d.rows[0].answer + "</answer>").outcome,
            Outcome::correct);
  DataRow file;
  file.row = {{"answer", "3/4"}};
  EXPECT_EQ(judge_one("x.jsonl", "auto", file, "\\boxed{0.75}").outcome, Outcome::correct);
  EXPECT_EQ(judge_one("x.jsonl", "task", file, "\\boxed{0.75}").outcome, Outcome::failed);
  file.row["task"] = "countdown";
  EXPECT_EQ(judge_one("x.jsonl", "task", file, "\\boxed{0.75}").outcome, Outcome::failed);
  EXPECT_THROW(make_reward_for("x.jsonl", "tsk", {}), UsageError);
}

std::string message_of(const std::string& source) {
  try {
    load_dataset(source, {});
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(TaskRows, DialsInTheSource) {
  const Dataset d = load_dataset("tasks:countdown?numbers=3&rows=50&seed=5&target=50", {});
  ASSERT_EQ(d.rows.size(), 50u);
  for (const DataRow& row : d.rows) {
    EXPECT_EQ(row.row["meta"]["numbers"].size(), 3u);
    EXPECT_LE(row.row["meta"]["target"], 50);
  }
  EXPECT_NE(message_of("tasks:countdwn").find("nearest is \"countdown\""), std::string::npos);
  EXPECT_NE(message_of("tasks:countdown?numbers=9").find("from 2 to 6"), std::string::npos);
  EXPECT_NE(message_of("tasks:countdown?number=3").find("nearest is \"numbers\""), std::string::npos);
  EXPECT_NE(message_of("tasks:countdown?numbers").find("has no value"), std::string::npos);
  EXPECT_NE(message_of("tasks:countdown?rows=0"), "no error");
}

TEST(TaskRows, HeldOutRowsAreDifferentAndNotInTraining) {
  const Dataset train = load_dataset("tasks:truth_tables?variables=2&connectives=1-2&rows=500", {}),
                held = load_dataset("tasks:truth_tables?variables=2&connectives=1-2&rows=500&held_out=1&seed=9", {});
  std::set<std::string> seen;
  for (const DataRow& row : held.rows) EXPECT_TRUE(seen.insert(row.prompt).second) << row.prompt;
  EXPECT_LT(held.rows.size(), 500u) << "there are not so many";
  for (const DataRow& row : train.rows) EXPECT_FALSE(seen.contains(row.prompt)) << row.prompt;
}

// The family of `r1 tasks` and tasks:arithmetic keep to the same side of the split.
TEST(TaskRows, ArithmeticHasOneSplit) {
  std::set<std::string> train;
  TaskOptions options;
  options.num_rows = 3000;
  for (const DataRow& row : load_dataset("tasks:arithmetic?digits=1", options).rows) train.insert(row.prompt);
  const tasks::TaskFamily& family = tasks::find_family("arithmetic");
  tasks::Dials dials(family);
  dials.set("digits", "1");
  for (uint64_t i = 0; i < 200; i++) {
    EXPECT_FALSE(train.contains(tasks::generate(family, 3, i, dials, true).prompt));
    EXPECT_TRUE(train.contains(tasks::generate(family, 3, i, dials, false).prompt));
  }
}

// The solutions that tasks:arithmetic teaches, in all their wordings: none of their steps is wrong, and a changed
// result of an operation is.
TEST(TaskRows, ColumnWorkIsChecked) {
  TaskOptions options;
  options.num_rows = 300;
  options.with_solution = true;
  const tasks::TaskFamily& family = tasks::find_family("arithmetic");
  int changed = 0;
  for (const DataRow& row : load_dataset("tasks:arithmetic?digits=1-3&operands=2-4&operators=+-*/", options).rows) {
    tasks::TaskItem item;
    item.answer = row.answer;
    std::vector<std::string> steps = tasks::steps_of(row.completion, "");
    for (size_t i = 0; i < steps.size(); i++) {
      EXPECT_NE(check_steps(family, item, {steps[i]})[0], tasks::StepVerdict::wrong) << steps[i];
      const size_t last = steps[i].find_last_of("0123456789");
      const size_t colon = steps[i].rfind(": ");
      if (colon == std::string::npos || steps[i].find(" = ", colon) != std::string::npos || last == std::string::npos)
        continue;
      steps[i][last] = steps[i][last] == '0' ? '1' : '0';
      EXPECT_EQ(check_steps(family, item, {steps[i]})[0], tasks::StepVerdict::wrong) << steps[i];
      changed++;
    }
  }
  EXPECT_GT(changed, 200);
}

}  // namespace
}  // namespace r1
