// r1 trace, trace bench and generate --self-check.
#include <map>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [key, value] : object.items()) out.push_back(key);
  return out;
}

std::string given(const std::string& question, const std::string& answer, const std::string& completion) {
  return Json({{"question", question}, {"answer", answer}, {"completion", completion}}).dump() + "\n";
}

TEST(TraceVerb, AGivenThoughtWithoutAModel) {
  const TempFolder dir;
  write_file(dir / "t.jsonl", given("3 + 4 + 1?", "8", "First, 3+4=7. 然后7+1=9. The answer is 9."));
  const Outcome o = r1({"trace", "--data", (dir / "t.jsonl").string(), "--json"});
  ASSERT_TRUE(done(o));
  const auto rows = json_lines(o.out);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(keys_of(rows[0]), (std::vector<std::string>{"completion", "steps", "first_error", "repair", "tokens"}));
  ASSERT_EQ(rows[0]["steps"].size(), 3u);
  EXPECT_EQ(keys_of(rows[0]["steps"][0]),
            (std::vector<std::string>{"text", "from", "to", "value", "ci95", "exact", "self"}));
  EXPECT_EQ(rows[0]["steps"][1]["exact"], "wrong");
  EXPECT_EQ(rows[0]["steps"][2]["from"], 23) << "in characters";
  EXPECT_EQ(rows[0]["first_error"]["step"], 1);
  EXPECT_EQ(rows[0]["first_error"]["by"], "exact");
  EXPECT_TRUE(rows[0]["repair"].is_null());
  EXPECT_EQ(rows[0]["tokens"], 0);
}

TEST(TraceVerb, WhatIsRefused) {
  const TempFolder dir;
  write_file(dir / "t.jsonl", given("q", "8", "3+4=7."));
  const std::string data = (dir / "t.jsonl").string();
  EXPECT_TRUE(refused(r1({"trace", "--json"}), 2, "--prompt TEXT"));
  EXPECT_TRUE(refused(r1({"trace", "--data", data, "--answer", "8"}), 2, "--answer goes with --prompt"));
  EXPECT_TRUE(refused(r1({"trace", "--data", data, "--repairs", (dir / "r.jsonl").string()}), 2, "give --model"));
  EXPECT_TRUE(refused(r1({"trace", "--data", data, "--critic", (dir / "c.jsonl").string()}), 2, "give --model"));
  EXPECT_TRUE(refused(r1({"trace", "--data", data, "--set", "methods=exact,guess"}), 2, "guess"));
  EXPECT_TRUE(refused(r1({"trace", "--data", data, "--set", "test_error=0.5"}), 2, "test_error"));
  EXPECT_TRUE(refused(r1({"trace", "bench"}), 2, "--model"));
  EXPECT_TRUE(refused(r1({"trace", "bench", "--self-check"}), 2, "--model"));
  EXPECT_TRUE(refused(r1({"generate", "--model", "mini", "--prompt", "a", "--self-check", "--set", "self_check=luck"}),
                      2, "self_check"));
  EXPECT_TRUE(
      refused(r1({"generate", "--model", "mini", "--prompt", "a", "--self-check", "--set", "self_check_budget=20"}), 2,
              "self_check_budget"));
}

// ProcessBench's file: two found, one overlooked for want of a claim, one cleared, one false alarm.
TEST(TraceBench, AFileAndItsScore) {
  const TempFolder dir;
  std::string rows;
  const auto add = [&](std::vector<std::string> steps, int label) {
    rows += Json({{"id", "x"},
                  {"generator", "g"},
                  {"problem", "p"},
                  {"steps", steps},
                  {"final_answer_correct", label < 0},
                  {"label", label}})
                .dump() +
            "\n";
  };
  add({"3+4=8.", "So 8."}, 0);
  add({"3+4=7.", "7*2=15.", "15+1=16."}, 1);
  add({"Take it.", "It cannot be."}, 1);
  add({"3+4=7.", "So 7."}, -1);
  add({"It is 5+5=11 in base 9.", "So 11."}, -1);
  write_file(dir / "pb.jsonl", rows);
  const Outcome o = r1({"trace", "bench", "--data", (dir / "pb.jsonl").string(), "--json"});
  ASSERT_TRUE(done(o));
  const auto lines = json_lines(o.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["method"], "exact");
  EXPECT_EQ(lines[1]["method"], "claims");
  EXPECT_EQ(lines[2]["method"], "verdict");
  EXPECT_NEAR(lines[1]["acc_error"].get<double>(), 2.0 / 3, 1e-12);
  EXPECT_EQ(lines[1]["acc_correct"], 0.5);
  EXPECT_NEAR(lines[1]["f1"].get<double>(), 2 * (2.0 / 3) * 0.5 / (2.0 / 3 + 0.5), 1e-12);
  EXPECT_EQ(lines[1]["n"], 5);
  EXPECT_EQ(lines[1]["tokens_per_trace"], 0);
  EXPECT_TRUE(refused(r1({"trace", "bench", "--data", (dir / "none.jsonl").string()}), 1, "cannot read"));
}

// The embedded base and a handful of questions: every method, the plot, repairs and the critic's rows.
TEST(TraceSlow, TheEmbeddedBase) {
  const TempFolder dir;
  const std::vector<std::string> few = {
      "--model", "mini", "--limit", "12", "--threads", "1", "--json", "--set", "max_completion_length=96"};
  const auto with = [&](std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), few.begin(), few.end());
    words.insert(words.end(), more.begin(), more.end());
    return r1(words);
  };
  const Outcome bench = with({"trace", "bench"}, {"--set", "exhaustive=true", "--plot", (dir / "p.svg").string()});
  ASSERT_TRUE(done(bench));
  std::map<std::string, Json> lines;
  for (const Json& line : json_lines(bench.out)) lines[line["method"]] = line;
  for (const char* method : {"exact", "claims", "monte_carlo", "monte_carlo_exhaustive", "self", "verdict"})
    ASSERT_TRUE(lines.contains(method)) << method << "\n" << bench.out;
  const Json& mc = lines["monte_carlo"];
  EXPECT_EQ(mc["rollouts_exhaustive"], lines["monte_carlo_exhaustive"]["rollouts"])
      << "what is reckoned is what is run";
  EXPECT_NEAR(mc["rollouts_share"].get<double>(),
              mc["rollouts"].get<double>() / mc["rollouts_exhaustive"].get<double>(), 1e-12);
  EXPECT_GT(lines["self"]["temperature"], 0);
  EXPECT_NE(read_file(dir / "p.svg").find("<polyline"), std::string::npos);

  const Outcome traced = with({"trace", "--data", "world:reasoning?held_out=0&rows=12"},
                              {"--repairs", (dir / "r.jsonl").string(), "--critic", (dir / "c.jsonl").string()});
  ASSERT_TRUE(done(traced));
  const auto repairs = json_lines_of(dir / "r.jsonl");
  size_t found = 0;
  for (const Json& line : json_lines(traced.out)) found += !line["repair"].is_null();
  EXPECT_EQ(repairs.size(), found);
  EXPECT_EQ(json_lines_of(dir / "r.continue.jsonl").size(), found);
  for (const Json& r : repairs) EXPECT_NE(r["wrong_step"], "");
  int wrong = 0, rows = 0;
  for (const Json& c : json_lines_of(dir / "c.jsonl")) {
    rows++;
    const bool asks_right = c["prompt"].get<std::string>().find("step right?") != std::string::npos;
    wrong += (c["completion"] == "no") == asks_right;
  }
  EXPECT_EQ(rows, 2 * wrong) << "half of the questions are about wrong steps";
}

TEST(SelfCheckSlow, TheSameSeedTheSameWay) {
  const std::vector<std::string> words = {"generate",
                                          "--model",
                                          "mini",
                                          "--threads",
                                          "1",
                                          "--n",
                                          "3",
                                          "--max-tokens",
                                          "96",
                                          "--seed",
                                          "5",
                                          "--self-check",
                                          "--json",
                                          "--prompt",
                                          "The Assistant thinks in <think> </think>, then gives the answer in <answer> "
                                          "</answer>.\nUser: Calculate 53 - 12 + 9.\nAssistant: <think> First, 53-12="};
  const Outcome once = r1(words), again = r1(words);
  ASSERT_TRUE(done(once));
  EXPECT_EQ(once.out, again.out);
  const auto rows = json_lines(once.out);
  ASSERT_EQ(rows.size(), 3u);
  for (const Json& row : rows) {
    EXPECT_EQ(keys_of(row),
              (std::vector<std::string>{"text", "completion", "ids", "finish_reason", "tokens", "tokens_sampled",
                                        "tokens_read", "backtracks", "steps", "dropped", "self_check"}));
    EXPECT_EQ(row["tokens"], row["tokens_sampled"].get<int>() + row["tokens_read"].get<int>());
    EXPECT_GE(row["tokens_sampled"], row["ids"].size());
    std::string text;
    for (const Json& step : row["steps"]) text += step["text"];
    EXPECT_EQ(text, row["completion"]);
    EXPECT_EQ(row["backtracks"], row["dropped"].size());
  }
  for (const char* how : {"self", "mc"}) {
    std::vector<std::string> other = words;
    other.insert(other.end(), {"--set", std::string("self_check=") + how});
    const Outcome o = r1(other);
    ASSERT_TRUE(done(o)) << how;
    for (const Json& row : json_lines(o.out)) {
      EXPECT_EQ(row["self_check"], how);
      EXPECT_GT(row["tokens_read"], 0) << how;
    }
  }
}

TEST(SelfCheckSlow, TheBenchComparesAtEqualTokens) {
  const Outcome o = r1({"trace", "bench", "--self-check", "--model", "mini", "--limit", "6", "--n", "3", "--threads",
                        "1", "--json", "--set", "max_completion_length=96"});
  ASSERT_TRUE(done(o));
  const auto lines = json_lines(o.out);
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0]["method"], "pass@1");
  EXPECT_EQ(lines[1]["method"], "cons@1");
  const Json& last = lines.back();
  EXPECT_EQ(last["method"], "self_check_claims");
  EXPECT_EQ(last["n"], 6);
  if (!last["equal_tokens"].is_null()) {
    const Json& equal = lines[lines.size() - 2];
    EXPECT_EQ(last["equal_tokens"], equal["method"]);
    EXPECT_GE(equal["tokens_per_answer"], last["tokens_per_answer"]);
  }
}

}  // namespace
}  // namespace r1::e2e
