// Items of every family against what independent programs say of them: tests/golden/tasks.jsonl, made by
// tools/make_task_oracle.py from the prompts alone.
#include <gtest/gtest.h>

#include <map>

#include "base/durable_file.h"
#include "data/records.h"
#include "data/tasks/task.h"

namespace r1::tasks {
namespace {

TEST(TaskOracle, AnswersAgree) {
  const std::string path = R1_SOURCE_DIR "/tests/golden/tasks.jsonl";
  std::map<std::string, int> seen;
  const auto bad = [](const RecordPlace& place, const std::string& reason) { FAIL() << place.line << ": " << reason; };
  const auto agrees = [&](const RecordPlace&, const Json& row) {
    const TaskFamily& family = find_family(row["family"]);
    Dials dials(family);
    for (const auto& [name, value] : row["dials"].items()) dials.set(name, value);
    const TaskItem item = generate(family, row["seed"], row["index"], dials, row["held_out"]);
    ASSERT_EQ(item.prompt, row["prompt"]) << "make the file anew: the items of " << family.name << " have changed";
    const Verdict v = check(family, item, "<answer>" + row["answer"].get<std::string>() + "</answer>", "");
    EXPECT_EQ(v.outcome, Outcome::correct) << row << " " << v.reason;
    const bool one_answer = family.name != "countdown" && family.name != "mazes";
    EXPECT_TRUE(!one_answer || item.answer == row["answer"]) << item.answer << " " << row["answer"];
    for (const std::string wrong : row["wrong"]) {
      const Verdict w = check(family, item, "<answer>" + wrong + "</answer>", "");
      EXPECT_EQ(w.outcome, Outcome::wrong) << row << " " << wrong;
    }
    seen[family.name]++;
  };
  read_json_lines(read_text_file(path), {agrees, bad});
  for (const TaskFamily& family : task_families()) EXPECT_GE(seen[family.name], 10) << family.name;
}

}  // namespace
}  // namespace r1::tasks
