// Episodes without a model: a game played to its end, and Python called from a text, hostile programs among them.
#include "data/environment.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "data/python_tool.h"
#include "data/tasks/task_rows.h"

namespace r1 {
namespace {

DataRow first_game_row(const std::string& source) {
  TaskOptions task;
  task.num_rows = 1;
  return load_dataset(source, task).rows.at(0);
}

TEST(Environment, AGameIsPlayedTurnByTurnAndItsEndIsTheReward) {
  const auto environment = make_environment({});
  const DataRow row = first_game_row("games:nim?heaps=1&stones=5&take=1&first=model&opponent=random");
  const auto episode = environment->begin(row);
  ASSERT_NE(episode, nullptr);
  EXPECT_TRUE(environment->stop_texts().empty());
  int turns = 0;
  for (bool done = false; !done; turns++) {
    const Observation seen = episode->step("<answer>1 1</answer>", true, "");
    done = seen.done;
    EXPECT_FALSE(seen.same_turn);
    EXPECT_EQ(seen.text.empty(), done);
  }
  EXPECT_EQ(turns, 3);  // five stones one by one: the model takes the last
  RewardInput in{.prompt = row.prompt, .completion = "", .prefilled = "", .row = row.row};
  in.row["episode"] = episode->result();
  const auto reward = make_reward_for("games:nim", "auto", {});
  const Verdict v = reward->judge(std::span(&in, 1))[0];
  EXPECT_EQ(v.outcome, Outcome::correct);
  EXPECT_EQ(v.score, 1);
  in.row.erase("episode");
  EXPECT_EQ(reward->judge(std::span(&in, 1))[0].outcome, Outcome::failed);
}

TEST(Environment, RowsThatAreNoGamesHaveNoEpisode) {
  DataRow row;
  row.prompt = "1 + 1";
  row.row = {{"question", "1 + 1"}, {"game", "chess, says the file"}};
  EXPECT_EQ(make_environment({})->begin(row), nullptr);
  EnvironmentOptions odd;
  odd.tool_output_bytes = 0;
  EXPECT_THROW(make_environment(odd), UsageError);
}

class ToolTest : public testing::Test {
 protected:
  void SetUp() override {
    if (sandbox_state().tier < 1) GTEST_SKIP() << sandbox_state().detail;
    options_.tools = "python";
    options_.tool_calls = 2;
    options_.tool_output_bytes = 60;
    options_.tool_cpu_seconds = 0.5;
    options_.tool_idle_seconds = 0.5;
  }
  std::string output_of(const std::string& program) {
    PythonTool tool(options_);
    bool failed = false;
    return tool.run(program, failed);
  }
  EnvironmentOptions options_;
};

TEST_F(ToolTest, ACallIsAnsweredInsideTheTurn) {
  const auto environment = make_environment(options_);
  const auto episode = environment->begin({});
  EXPECT_EQ(environment->stop_texts(), std::vector<std::string>{"</tool>"});
  Observation seen = episode->step("<think>Let me see. <tool>\nprint(17 * 23)\n</tool>", false, "");
  EXPECT_EQ(seen.text, "\n<output>\n391\n</output>\n");
  EXPECT_TRUE(seen.same_turn && !seen.done);
  seen = episode->step(" And <tool>1/0</tool>", false, "");
  EXPECT_EQ(seen.text, "\n<output>\nerror: ZeroDivisionError: division by zero\n</output>\n");
  EXPECT_EQ(episode->step("<tool>print(1)</tool>", false, "").text,
            "\n<output>\nerror: no calls are left\n</output>\n");
  EXPECT_NE(episode->step("only </tool>", false, "").text.find("nothing to run"), std::string::npos);
  EXPECT_TRUE(episode->step("so 391</think>391", true, "").done);
  const auto result = episode->result();
  EXPECT_EQ(result["tool_calls"], 2);
  EXPECT_EQ(result["tool_errors"], 3);
}

TEST_F(ToolTest, WhatProgramsDoStaysWithinTheLimits) {
  EXPECT_EQ(output_of("print('x' * 1000)"), std::string(60, 'x') + "\n(cut off here)");
  EXPECT_NE(output_of("while True: pass").find("more than 0.5 s of processor time"), std::string::npos);
  EXPECT_NE(output_of("import time; time.sleep(9)").find("more than 0.5 s of waiting"), std::string::npos);
  EXPECT_EQ(output_of("import os; os.write(1, b'\\xff\\x1b[2Ja\\xe2\\x82')"),
            "\xEF\xBF\xBD [2Ja\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_NE(output_of("print(open('/etc/shadow').read())").find("error: "), std::string::npos);
  EXPECT_NE(output_of("import os; os._exit(3)").find("exit code 3"), std::string::npos);
  EXPECT_NE(output_of(std::string(70000, '#')).find("64 kB"), std::string::npos);
}

TEST_F(ToolTest, AGameMayBeThoughtOverWithTheTool) {
  const auto episode = make_environment(options_)->begin(first_game_row("games:nim?heaps=1&stones=3&first=model"));
  EXPECT_TRUE(episode->step("<think><tool>print(3)</tool>", false, "").same_turn);
  EXPECT_TRUE(episode->step("</think><answer>1 3</answer>", true, "").done);
  const auto result = episode->result();
  EXPECT_EQ(result["end"], "win");
  EXPECT_EQ(result["tool_calls"], 1);
}

}  // namespace
}  // namespace r1
