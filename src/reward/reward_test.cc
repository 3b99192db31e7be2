#include "reward/reward.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

RewardInput input(const std::string& completion, Json row = {{"answer", "42"}}, int64_t num_tokens = 5) {
  return {.prompt = "p",
          .completion = completion,
          .prefilled = "",
          .num_tokens = num_tokens,
          .truncated = false,
          .row = std::move(row)};
}

Verdict judge_one(const std::string& spec, const RewardInput& in, const RewardOptions& options = {}) {
  const auto verdicts = make_reward(spec, options)->judge({&in, 1});
  EXPECT_EQ(verdicts.size(), 1u);
  return verdicts[0];
}

TEST(Reward, FindsTheReferenceUnderItsNames) {
  for (const char* key : {"answer", "target", "solution", "ground_truth"})
    EXPECT_EQ(judge_one("math", input("42", {{"question", "7"}, {key, "42"}})).outcome, Outcome::correct) << key;
  EXPECT_EQ(judge_one("math", input("42", {{"target", 42.0}})).outcome, Outcome::correct);
  EXPECT_EQ(judge_one("math", input("42", {{"target", 42}})).outcome, Outcome::correct);
  EXPECT_EQ(judge_one("math", input("1e+30", {{"target", 1e30}})).outcome, Outcome::correct);
  EXPECT_EQ(judge_one("math", input("42", {{"reward_model", {{"ground_truth", "42"}}}})).outcome, Outcome::correct);
  EXPECT_EQ(judge_one("math", input("42", {{"answer", "6*7 is <<6*7=42>>42\n#### 42"}})).outcome, Outcome::correct);
}

TEST(Reward, MissingReferencesFail) {
  for (const Json& row : {Json(), Json::object(), Json{{"question", "42"}}, Json{{"answer", nullptr}},
                          Json{{"answer", {42}}}, Json{{"answer", ""}}, Json{{"answer", true}}})
    EXPECT_EQ(judge_one("math", input("42", row)).outcome, Outcome::failed) << row;
}

TEST(Reward, FormatIsTheExactShape) {
  const auto score = [](const std::string& text, const std::string& prefilled = "") {
    RewardInput in = input(text);
    in.prefilled = prefilled;
    const Verdict v = judge_one("format", in);
    EXPECT_EQ(v.outcome, v.score == 1 ? Outcome::correct : Outcome::wrong);
    return v.score;
  };
  EXPECT_EQ(score("<think>a</think><answer>b</answer>"), 1);
  EXPECT_EQ(score(" <think>\na\n</think>\n\n<answer> b </answer>\n"), 1);
  EXPECT_EQ(score("a</think><answer>b</answer>", "<think>\n"), 1);
  EXPECT_EQ(score("b</answer>", "<think>a</think><answer>"), 1);
  for (const char* text : {"",
                           "b",
                           "<think>a</think>b",
                           "<answer>b</answer>",
                           "<think>a</think>",
                           "<think>a<answer>b</answer>",
                           "<think></think><answer>b</answer>",
                           "<think> </think><answer>b</answer>",
                           "<think>a</think><answer> </answer>",
                           "x<think>a</think><answer>b</answer>",
                           "<think>a</think>x<answer>b</answer>",
                           "<think>a</think><answer>b</answer>x",
                           "<answer>b</answer><think>a</think>",
                           "<think>a</think><answer>b</answer><answer>c</answer>",
                           "<think>a</think><think>a</think><answer>b</answer>",
                           "<think>a<think></think><answer>b</answer>",
                           "<think>a</think></think><answer>b</answer>",
                           "<think>a<answer>x</answer></think><answer>b</answer>",
                           "<think>a</answer></think><answer>b</answer>",
                           "<think>a</think><answer>b<think>c</think></answer>",
                           "<Think>a</Think><answer>b</answer>",
                           "< think>a</think><answer>b</answer>",
                           "</think>a<think><answer>b</answer>",
                           "<think>a</think></answer>b<answer>"})
    EXPECT_EQ(score(text), 0) << text;
  // a tag that the prompt has opened must not be opened again, and one that is not open must be
  EXPECT_EQ(score("<think>a</think><answer>b</answer>", "<think>\n"), 0);
  EXPECT_EQ(score("a</think><answer>b</answer>"), 0);
}

TEST(Reward, LengthIsTheSoftOverlongPunishment) {
  // DAPO's own numbers: L_max 20480, L_cache 4096
  RewardOptions o{.max_completion_length = 20480, .soft_overlong_cache = 4096};
  const auto score = [&](int64_t n) { return judge_one("length", input("x", {}, n), o).score; };
  EXPECT_EQ(score(0), 0);
  EXPECT_EQ(score(16384), 0);
  EXPECT_EQ(score(16385), -1.0 / 4096);
  EXPECT_EQ(score(18432), -0.5);
  EXPECT_EQ(score(20480), -1);
  EXPECT_EQ(score(20481), -1);
  o = {.max_completion_length = 100};  // a fifth by default
  EXPECT_EQ(score(80), 0);
  EXPECT_EQ(score(90), -0.5);
  EXPECT_THROW(make_reward("length", {}), UsageError);
  EXPECT_THROW(make_reward("length", {.max_completion_length = 10, .soft_overlong_cache = 11}), UsageError);
  EXPECT_THROW(make_reward("length", {.max_completion_length = 10, .soft_overlong_cache = -1}), UsageError);
}

TEST(Reward, PartsAreWeightedAndAdded) {
  const Verdict v = judge_one("math*1+format*0.2", input("<think>a</think><answer>42</answer>"));
  EXPECT_EQ(v.score, 1.2);
  EXPECT_EQ(v.outcome, Outcome::correct);
  EXPECT_EQ(v.extracted, "42");
  ASSERT_EQ(v.parts.size(), 2u);
  EXPECT_EQ(v.parts[0], (std::pair<std::string, double>("math", 1)));
  EXPECT_EQ(v.parts[1], (std::pair<std::string, double>("format", 1)));
  EXPECT_EQ(judge_one("math*1+format*0.2", input("42")).score, 1);
  EXPECT_EQ(judge_one("math + format * 0.5", input("<think>a</think><answer>41</answer>")).score, 0.5);
  EXPECT_EQ(judge_one("format+math", input("<think>a</think><answer>41</answer>")).outcome, Outcome::correct);
  EXPECT_EQ(judge_one("math*-1", input("42")).score, -1);
  EXPECT_EQ(judge_one("math+length*2", input("42", {{"answer", 42}}, 100), {.max_completion_length = 100}).score, -1);
  EXPECT_EQ(make_reward("math*2+format", {})->name(), "math+format");
}

TEST(Reward, AFailedPartFailsTheWhole) {
  const Verdict v = judge_one("format+math", input("<think>a</think><answer>41</answer>", {{"answer", "1/0"}}));
  EXPECT_EQ(v.outcome, Outcome::failed);
  EXPECT_NE(v.reason.find("math: the reference"), std::string::npos);
  EXPECT_EQ(judge_one("math+format", input("42", Json::object())).outcome, Outcome::failed);
  EXPECT_EQ(judge_one("math+exec:exit 1", input("42")).outcome, Outcome::failed);
}

TEST(Reward, ExecTakesTheRestOfTheText) {
  const Verdict v = judge_one(
      "math+exec:while read -r line; do id=${line#*:}; "
      "echo '{\"id\":'${id%%,*}',\"score\":0.25,\"reason\":\"a+b*c\"}'; done",
      input("42"));
  EXPECT_EQ(v.score, 1.25) << v.reason;
  EXPECT_EQ(v.parts[1].first, "exec");
}

TEST(Reward, FormatMayAskForTheThoughtAlone) {
  const auto score = [](const char* text) { return judge_one("format", input(text), {.format = "think"}).score; };
  EXPECT_EQ(score("<think>a</think> 42"), 1);
  EXPECT_EQ(score("<think>a</think><answer>42</answer>"), 1);
  for (const char* text : {"42", "<think>a</think>", "<think> </think>42", "x<think>a</think>42", "<think>a 42"})
    EXPECT_EQ(score(text), 0) << text;
}

TEST(Reward, ACutOffCompletionIsAsLongAsCanBe) {
  RewardInput in = input("x", {}, 5);
  in.truncated = true;
  EXPECT_EQ(judge_one("length", in, {.max_completion_length = 100}).score, -1);
}

TEST(Reward, CosineTakesTheFirstPartsVerdict) {
  const RewardOptions o{.max_completion_length = 100};
  EXPECT_EQ(judge_one("cosine", input("42", {{"answer", 42}}, 0), o).score, 1);
  EXPECT_EQ(judge_one("cosine", input("41", {{"answer", 42}}, 0), o).score, -1);
  const Verdict v = judge_one("math*0+cosine", input("42", {{"answer", 42}}, 100), o);
  EXPECT_EQ(v.score, 0.5);
  EXPECT_EQ(v.parts.size(), 2u);
  EXPECT_EQ(
      judge_one("exec:while read -r line; do id=${line#*:}; echo '{\"id\":'${id%%,*}',\"score\":1}'; done", input("42"))
          .score,
      1);
  // what the checker cannot say, the shape of an answer cannot either
  EXPECT_EQ(judge_one("math+cosine", input("42", {{"answer", ""}}), o).outcome, Outcome::failed);
  EXPECT_EQ(judge_one("cosine", input("42", {{"answer", ""}}), o).outcome, Outcome::failed);
}

TEST(Reward, KimiComparesTheSamplesOfAPrompt) {
  std::vector<RewardInput> in;
  for (const auto& [group, text, tokens] :
       {std::tuple(0, "42", 10), std::tuple(1, "42", 500), std::tuple(0, "42", 30), std::tuple(0, "41", 20),
        std::tuple(0, "41", 30), std::tuple(0, "41", 10), std::tuple(1, "42", 500)}) {
    in.push_back(input(text, {{"answer", 42}}, tokens));
    in.back().group = group;
  }
  const auto reward = make_reward("kimi_length", {});
  EXPECT_TRUE(reward->needs_groups());
  EXPECT_FALSE(make_reward("math+length", {.max_completion_length = 5})->needs_groups());
  const std::vector<double> expected = {0.5, 0, -0.5, 0, -0.5, 0, 0};
  const auto verdicts = reward->judge(in);
  for (size_t i = 0; i < in.size(); i++) EXPECT_EQ(verdicts[i].score, expected[i]) << i;
  in[2].row = {{"answer", ""}};  // failed: it leaves its group, so that 20 tokens are the middle no more
  in[4].row = {{"answer", ""}};
  const auto fewer = reward->judge(in);
  EXPECT_EQ(fewer[2].outcome, Outcome::failed);
  EXPECT_EQ(fewer[0].score, 0.5);
  EXPECT_EQ(fewer[3].score, -0.5);
}

TEST(Reward, LanguageIsThePromptsUnlessAsked) {
  RewardInput in = input("<think>First we add the numbers. \u73B0\u5728\u52A0</think> 42");
  in.prompt = "How many apples are there?";
  const Verdict v = judge_one("language", in);
  EXPECT_EQ(v.score, 5.0 / 8);
  EXPECT_EQ(v.outcome, Outcome::correct);
  EXPECT_EQ(judge_one("language", in, {.language = "zh"}).score, 3.0 / 8);
  EXPECT_EQ(judge_one("language", in, {.language = "zh"}).outcome, Outcome::wrong);
  in.prompt = "\u6709\u591A\u5C11\u4E2A\u82F9\u679C?";
  EXPECT_EQ(judge_one("language", in).score, 3.0 / 8);
  in.row = {{"question", "How many apples are there?"}};
  EXPECT_EQ(judge_one("language", in).score, 5.0 / 8) << "what stands around a question does not count";
  in.row["meta"] = {{"language", "zh"}};
  EXPECT_EQ(judge_one("language", in).score, 3.0 / 8) << "a row may say it";
  EXPECT_EQ(judge_one("language", input("<think>2 + 2 = 4</think> 4")).outcome, Outcome::no_answer);
  EXPECT_THROW(make_reward("language", {.language = "xx"}), UsageError);
}

TEST(Reward, FiltersAndRepetitionAndTags) {
  RewardInput in = input("<think>We add the numbers.</think><answer>42</answer>");
  EXPECT_EQ(judge_one("filters+repetition+tag_count", in).score, 2);
  EXPECT_EQ(judge_one("filters", input("<think>We run ```x``` here</think>")).reason, "a code block");
  EXPECT_EQ(judge_one("repetition_penalty", input("go go go go go")).score, -1 * (1 - 1.0 / 3));
  EXPECT_EQ(judge_one("tag_count", input("<think>a</think> 42")).score, 0.5);
  EXPECT_THROW(make_reward("repetition", {.repetition_n_grams = 0}), UsageError);
  EXPECT_THROW(make_reward("repetition", {.repetition_max_penalty = 1}), UsageError);
  EXPECT_THROW(make_reward("cosine", {}), UsageError);
}

TEST(Reward, UnknownNamesAndWeightsAreUsageErrors) {
  const auto message = [](const char* spec) -> std::string {
    try {
      make_reward(spec, {.max_completion_length = 10});
    } catch (const UsageError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message("mathe").find("nearest is \"math\""), std::string::npos);
  EXPECT_NE(message("formt").find("nearest is \"format\""), std::string::npos);
  for (const char* spec : {"", "math+", "+math", "math++format", "math*", "math*x", "math*1x", "math*nan", "math*inf",
                           "math*1*2", "exec:", "Math"})
    EXPECT_NE(message(spec), "") << spec;
}

TEST(Reward, VerdictsKeepTheOrderOfInputs) {
  std::vector<RewardInput> inputs;
  for (int i = 0; i < 100; i++) inputs.push_back(input(std::to_string(i % 7), {{"answer", "3"}}));
  const auto verdicts = make_reward("math", {})->judge(inputs);
  ASSERT_EQ(verdicts.size(), inputs.size());
  for (size_t i = 0; i < 100; i++) EXPECT_EQ(verdicts[i].score, i % 7 == 3 ? 1 : 0);
}

}  // namespace
}  // namespace r1
