// r1 tasks: what it lists, samples and judges, by its contract.
#include <algorithm>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [key, value] : object.items()) out.push_back(key);
  return out;
}

TEST(TasksTest, ListNamesFamiliesAndDials) {
  const Outcome o = r1({"tasks", "list", "--json"});
  ASSERT_TRUE(done(o));
  std::vector<std::string> names;
  for (const Json& family : json_lines(o.out)) {
    names.push_back(family["name"]);
    EXPECT_FALSE(family["summary"].get<std::string>().empty());
    for (const Json& dial : family["dials"])
      for (const char* key : {"name", "default", "help", "kind", "allowed"}) EXPECT_TRUE(dial.contains(key)) << dial;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"arithmetic", "countdown", "linear_equations", "base_conversion", "sequences",
                                      "sorting", "string_edits", "calendar", "knights_and_knaves", "truth_tables",
                                      "mazes", "word_problems", "programs", "tic_tac_toe", "nim", "connect_four"}));
  const Outcome people = r1({"tasks", "list"});
  ASSERT_TRUE(done(people));
  for (const std::string& name : names) EXPECT_NE(people.out.find(name), std::string::npos);
  EXPECT_EQ(people.out.find('\x1b'), std::string::npos) << "colours where nobody looks on";
}

TEST(TasksTest, SamplesAreJudgedByTheirOwnCheckers) {
  for (const Json& family : json_lines(r1({"tasks", "list", "--json"}).out)) {
    const std::string name = family["name"];
    const Outcome sampled = r1({"tasks", "sample", name, "--n", "3", "--seed", "5", "--json"});
    ASSERT_TRUE(done(sampled));
    EXPECT_EQ(sampled.out, r1({"tasks", "sample", name, "--n", "3", "--seed", "5"}).out);
    std::string rows;
    std::vector<size_t> steps;
    for (const Json& item : json_lines(sampled.out)) {
      EXPECT_EQ(keys_of(item), (std::vector<std::string>{"prompt", "answer", "steps", "meta"}));
      std::string thought;
      for (const std::string step : item["steps"]) thought += step + "\n\n";
      steps.push_back(item["steps"].size());
      const std::string answer = item["answer"];
      rows +=
          Json({{"item", item}, {"completion", "<think>" + thought + "</think>\\boxed{" + answer + "}"}}).dump() + "\n";
      rows += Json({{"item", item}, {"completion", "<think>" + answer + "</think>"}}).dump() + "\n";
    }
    const Outcome judged = r1({"tasks", "check", name, "--json", "--steps"}, rows);
    ASSERT_TRUE(done(judged));
    const std::vector<Json> verdicts = json_lines(judged.out);
    ASSERT_EQ(verdicts.size(), 6u);
    for (size_t i = 0; i < 6; i++) {
      EXPECT_EQ(keys_of(verdicts[i]),
                (std::vector<std::string>{"verdict", "score", "reason", "extracted", "parts", "ms", "steps"}));
      EXPECT_EQ(verdicts[i]["verdict"], i % 2 == 0 ? "correct" : "no_answer") << name << verdicts[i];
      EXPECT_EQ(verdicts[i]["score"], i % 2 == 0 ? 1.0 : 0.0);
      if (i % 2 != 0) continue;
      EXPECT_EQ(verdicts[i]["steps"].size(), steps[i / 2]);
      for (const Json& step : verdicts[i]["steps"]) EXPECT_EQ(step["verdict"], "right") << name << step;
    }
  }
}

TEST(TasksTest, DialsAndSides) {
  const auto sample = [](std::vector<std::string> more) {
    std::vector<std::string> words = {"tasks", "sample", "countdown", "--n", "40"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome o = r1(words);
    EXPECT_TRUE(done(o));
    return json_lines(o.out);
  };
  for (const Json& item : sample({"--set", "numbers=5", "--set", "operators=+-"})) {
    EXPECT_EQ(item["meta"]["numbers"].size(), 5u);
    EXPECT_EQ(item["meta"]["operators"], "+-");
  }
  const auto train = sample({"--seed", "1"}), held = sample({"--seed", "1", "--held-out"});
  for (const Json& item : held)
    EXPECT_TRUE(std::none_of(train.begin(), train.end(), [&](const Json& t) { return t["prompt"] == item["prompt"]; }));
  const Outcome shown = r1({"tasks", "show", "mazes", "--set", "size=4"});
  ASSERT_TRUE(done(shown));
  EXPECT_NE(shown.out.find("The way is"), std::string::npos);
}

// Rows of every family go through training's and evaluation's own code, judged by the family's checker.
TEST(TasksTest, AreDataForTrainingAndEvaluation) {
  const TempFolder t;
  const std::string speck = make_speck(t);
  const Outcome eval = r1({"eval", "--model", speck, "--data", "tasks:knights_and_knaves", "--limit", "3",
                           "--max-tokens", "8", "--n", "2", "--json", "--set", "task_rows=20"});
  ASSERT_TRUE(done(eval));
  EXPECT_EQ(json_lines(eval.out)[0]["n"], 3);
  EXPECT_EQ(json_lines(eval.out)[0]["failed"], 0);
  ASSERT_TRUE(done(r1(with_sets({"sft", "--model", speck, "--data", "tasks:countdown?numbers=3", "--out", t / "sft"},
                                {"task_rows=8", "max_steps=1", "per_device_train_batch_size=2", "max_length=400"}))));
  ASSERT_TRUE(done(
      r1(with_sets({"grpo", "--model", speck, "--data", "tasks:mazes", "--reward", "task+length", "--out", t / "grpo"},
                   {"task_rows=8", "max_steps=1", "num_generations=2", "per_device_train_batch_size=4",
                    "max_completion_length=8"}))));
  const Json line = json_lines_of(t / "grpo/metrics.jsonl").at(0);
  EXPECT_TRUE(line.contains("rewards/task/mean")) << line;
}

TEST(TasksTest, GamesArePlayedLookedAtAndTrainedOn) {
  const std::vector<std::string> play = {"tasks", "play",     "nim",   "--set",       "heaps=1",
                                         "--set", "stones=3", "--set", "first=model", "--json"};
  const Outcome won = r1(play, "1 3\n"), silly = r1(play, "seven\n"), left = r1(play, "");
  ASSERT_TRUE(done(won) && done(silly) && done(left));
  EXPECT_NE(won.out.find("\"end\":\"win\""), std::string::npos) << won.out;
  EXPECT_NE(silly.out.find("\"end\":\"illegal\""), std::string::npos) << silly.out;
  EXPECT_NE(left.out.find("\"end\":\"unfinished\""), std::string::npos) << left.out;
  EXPECT_TRUE(refused(r1({"tasks", "play", "mazes"}), 2, "unknown game"));
  const TempFolder t;
  const std::string speck = make_speck(t);
  const Outcome eval = r1({"eval", "--model", speck, "--data", "games:tic_tac_toe?opponent=perfect", "--limit", "3",
                           "--max-tokens", "8", "--json"});
  ASSERT_TRUE(done(eval));
  const Json line = json_lines(eval.out)[0];
  EXPECT_EQ(line["game/win"], 0);
  EXPECT_EQ(line["failed"], 0);
  const Outcome said =
      r1({"generate", "--model", speck, "--data", "games:nim", "--n", "2", "--max-tokens", "8", "--json"});
  ASSERT_TRUE(done(said));
  EXPECT_EQ(json_lines(said.out).size(), 2u);
  EXPECT_TRUE(json_lines(said.out)[0]["episode"].contains("end")) << said.out;
}

TEST(TasksTest, WrongWords) {
  EXPECT_TRUE(refused(r1({"tasks", "sample", "countdwn"}), 2, "nearest is \"countdown\""));
  EXPECT_TRUE(refused(r1({"tasks", "sample", "countdown", "--set", "numbres=3"}), 2, "nearest is \"numbers\""));
  EXPECT_TRUE(refused(r1({"tasks", "sample", "countdown", "--set", "numbers=99"}), 2, "from 2 to 6"));
  EXPECT_TRUE(refused(r1({"tasks", "sample", "countdown", "--n", "0"}), 2, "--n"));
  EXPECT_TRUE(refused(r1({"tasks", "sample", "countdown", "--seed", "-1"}), 2, "--seed"));
  EXPECT_TRUE(refused(r1({"tasks", "smple"}), 2, "nearest is \"sample\""));
  EXPECT_TRUE(refused(r1({"tasks", "check", "countdown", "--json"}, "no json\n"), 1, "standard input, line 1"));
  EXPECT_TRUE(
      refused(r1({"tasks", "check", "countdown", "--json"}, "{\"item\":{},\"completion\":\"x\"}\n"), 1, "line 1"));
  EXPECT_TRUE(refused(r1({"tasks", "check", "countdown", "--json"},
                         "{\"item\":{\"answer\":\"1\",\"meta\":{\"family\":\"mazes\"}},\"completion\":\"x\"}\n"),
                      1, "not of countdown"));
  const Outcome damaged =
      r1({"tasks", "check", "countdown", "--json"},
         "{\"item\":{\"answer\":\"1\",\"meta\":{\"numbers\":[1],\"target\":\"x\"}},\"completion\":\"1\"}\n");
  ASSERT_TRUE(done(damaged));
  EXPECT_EQ(json_lines(damaged.out)[0]["verdict"], "failed");
  EXPECT_TRUE(json_lines(damaged.out)[0]["score"].is_null());
}

}  // namespace
}  // namespace r1::e2e
