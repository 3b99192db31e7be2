// r1 reward NAME: JSON lines in, a verdict a line out.
#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

std::string row(const std::string& completion, const std::string& answer) {
  return Json({{"completion", completion}, {"answer", answer}}).dump() + "\n";
}

TEST(RewardVerb, AVerdictALine) {
  const Outcome o =
      r1({"reward", "math", "--json"}, row("<think>1</think> \\boxed{\\frac{84}{2}}", "42") + row("\\boxed{41}", "42") +
                                           row("<think>\\boxed{42}</think>", "42") + row("\\boxed{6 or 7}", "6") +
                                           row("\\boxed{6}", ""));
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.err, "");
  const auto rows = json_lines(o.out);
  ASSERT_EQ(rows.size(), 5u);
  const std::vector<std::string> verdicts = {"correct", "wrong", "no_answer", "wrong", "failed"};
  for (size_t i = 0; i < rows.size(); i++) {
    EXPECT_EQ(rows[i]["verdict"], verdicts[i]);
    std::vector<std::string> keys;
    for (const auto& [key, value] : rows[i].items()) keys.push_back(key);
    EXPECT_EQ(keys, (std::vector<std::string>{"verdict", "score", "reason", "extracted", "parts", "ms"}));
    EXPECT_TRUE(rows[i]["ms"].is_number());
    EXPECT_NE(rows[i]["reason"], "");
  }
  EXPECT_EQ(rows[0]["extracted"], "42");
  EXPECT_EQ(rows[0]["score"], 1);
  EXPECT_EQ(rows[0]["parts"], Json({{"math", 1.0}}));
  EXPECT_EQ(rows[2]["extracted"], "");
  EXPECT_TRUE(rows[4]["score"].is_null()) << "a checker that failed says nothing about the completion";
}

TEST(RewardVerb, NamesCombineAndTakeOptions) {
  const std::string in = row("<think>We add them</think><answer>42</answer>", "42");
  const auto both = json_lines(r1({"reward", "math+format*0.2", "--json"}, in).out);
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0]["score"], 1.2);
  EXPECT_EQ(both[0]["parts"], Json({{"math", 1.0}, {"format", 1.0}}));
  const std::string words = Json({{"completion", "one two three four"}}).dump() + "\n";
  const auto length = json_lines(
      r1({"reward", "length", "--set", "max_completion_length=5", "--set", "soft_overlong_cache=2"}, words).out);
  ASSERT_EQ(length.size(), 1u);
  EXPECT_EQ(length[0]["score"], -0.5) << "four words, where no num_tokens is given";
  const std::string tokens = Json({{"completion", "x"}, {"num_tokens", 6}}).dump() + "\n";
  EXPECT_EQ(json_lines(r1({"reward", "length", "--set", "max_completion_length=5"}, tokens).out)[0]["score"], -1);
  const auto language = json_lines(r1({"reward", "language", "--set", "language=zh"}, words).out);
  EXPECT_EQ(language[0]["score"], 0);
  EXPECT_EQ(language[0]["verdict"], "wrong");
  const std::string opened =
      Json({{"completion", "a</think><answer>b</answer>"}, {"prefilled", "<think>"}}).dump() + "\n";
  EXPECT_EQ(json_lines(r1({"reward", "format"}, opened).out)[0]["verdict"], "correct");
}

TEST(RewardVerb, SamplesOfAPromptAreCompared) {
  std::string in;
  for (const int tokens : {10, 30, 20})
    in += Json({{"prompt", "p"}, {"completion", "42"}, {"answer", "42"}, {"num_tokens", tokens}}).dump() + "\n";
  in += Json({{"prompt", "q"}, {"completion", "42"}, {"answer", "42"}, {"num_tokens", 99}}).dump() + "\n";
  const auto rows = json_lines(r1({"reward", "kimi_length", "--json"}, in).out);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0]["score"], 0.5);
  EXPECT_EQ(rows[1]["score"], -0.5);
  EXPECT_EQ(rows[2]["score"], 0);
  EXPECT_EQ(rows[3]["score"], 0);
}

TEST(RewardVerb, ABadLineIsNamedAndTheLinesBeforeAreKept) {
  const std::string good = row("42", "42");
  for (const std::string bad :
       {"{", "[]", "{\"answer\":\"42\"}", "{\"completion\":1}", "{\"completion\":\"\",\"truncated\":1}",
        "{\"completion\":\"\",\"num_tokens\":-1}", "{\"completion\":\"\xFF\"}"})
    for (const char* name : {"math", "kimi_length"}) {
      const Outcome o = r1({"reward", name, "--json"}, good + good + bad + "\n" + good);
      EXPECT_EQ(o.code, 1) << bad;
      EXPECT_NE(o.err.find("line 3"), std::string::npos) << o.err;
      EXPECT_EQ(json_lines(o.out).size(), 2u) << bad;
    }
}

TEST(RewardVerb, UsersFunctionsAsTheyAre) {
  const TempFolder t;
  write_file(t / "mine.py",
             "async def right(completions, answer, **kwargs):\n"
             "    print('a print is no verdict')\n"
             "    if 'boom' in str(completions): raise RuntimeError('boom')\n"
             "    texts = [c if isinstance(c, str) else c[0]['content'] for c in completions]\n"
             "    return [None if a is None else float(x == a) for x, a in zip(texts, answer)]\n"
             "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
             "    return {'score': 2 * (solution_str == ground_truth), 'acc': solution_str == ground_truth}\n");
  const std::string file = t / "mine.py";
  const Json talk = {{"prompt", {{{"role", "user"}, {"content", "1+1"}}}},
                     {"completion", {{{"role", "assistant"}, {"content", "2"}}}},
                     {"answer", "2"}};
  const std::string in =
      row("42", "42") + row("41", "42") + row("boom", "42") + "{\"completion\":\"x\"}\n" + talk.dump() + "\n";
  const Outcome trl = r1({"reward", "trl:" + file + ":right", "--json"}, in);
  ASSERT_TRUE(done(trl));
  EXPECT_NE(trl.err.find("a print is no verdict"), std::string::npos);
  const auto rows = json_lines(trl.out);
  ASSERT_EQ(rows.size(), 5u);
  const std::vector<std::string> verdicts = {"correct", "wrong", "failed", "failed", "correct"};
  for (size_t i = 0; i < rows.size(); i++) EXPECT_EQ(rows[i]["verdict"], verdicts[i]) << rows[i];
  EXPECT_NE(rows[2]["reason"].get<std::string>().find("RuntimeError: boom"), std::string::npos);
  EXPECT_TRUE(rows[3]["score"].is_null()) << "None";
  EXPECT_EQ(rows[0]["parts"], Json({{"right", 1.0}}));
  const auto both =
      json_lines(r1({"reward", "math+verl:" + file + ":compute_score*0.5", "--json"}, row("42", "42")).out);
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0]["score"], 2);
  EXPECT_TRUE(refused(r1({"reward", "trl:" + file + ":wrong"}, in), 2, "it has right, compute_score"));
  EXPECT_TRUE(refused(r1({"reward", "trl:" + file + ":right", "--set", "reward_python=/no/python"}, in), 1,
                      "cannot start /no/python"));
}

// Lines that stand ready are one call, with one limit; a line that is alone is answered before the next one comes.
TEST(RewardVerb, LinesThatStandReadyAreAskedTogether) {
  const auto start = std::chrono::steady_clock::now();
  const Outcome o = r1({"reward", "exec:cat > /dev/null", "--json", "--set", "reward_timeout_seconds=3"},
                       row("1", "1") + row("2", "2") + row("3", "3"));
  EXPECT_EQ(json_lines(o.out).size(), 3u);
  for (const Json& line : json_lines(o.out)) EXPECT_EQ(line["verdict"], "failed");
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 6);
}

TEST(RewardVerb, WrongWordsAreUsageErrors) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"reward"},
                                                {"reward", "mathe"},
                                                {"reward", "math", "--set", "langage=en"},
                                                {"reward", "language", "--set", "language=xx"},
                                                {"reward", "length", "--set", "max_completion_length=0"},
                                                {"reward", "math", "--jsn"}}) {
    const Outcome o = r1(words);
    EXPECT_EQ(o.code, 2) << words.back();
    EXPECT_NE(o.err, "");
  }
  EXPECT_NE(r1({"reward", "mathe"}).err.find("nearest is \"math\""), std::string::npos);
}

}  // namespace
}  // namespace r1::e2e
