#include "train/r1_metrics.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> reflection_words(std::string_view text) {
  std::vector<std::string> out;
  for (const Reflection& r : reflections_in(text)) out.emplace_back(kReflectionWords[r.word]);
  return out;
}

using Words = std::vector<std::string>;

TEST(Reflections, WholeWordsOfAnyCase) {
  EXPECT_EQ(reflection_words("Wait, that is WRONG. But I check; however..."),
            (Words{"wait", "wrong", "but", "check", "however"}));
  EXPECT_EQ(reflection_words("waiter, button, checks, rechecked, mistakes, wait_1"), Words{});
  EXPECT_EQ(reflection_words("retry error verify evaluate mistake"),
            (Words{"retry", "error", "verify", "evaluate", "mistake"}));
  EXPECT_EQ(reflection_words(""), Words{});
}

TEST(Reflections, ChineseWordsCountAsTheirEnglishOnes) {
  EXPECT_EQ(reflection_words("等一下，我算错了。但是检查一下：不对。"),
            (Words{"wait", "mistake", "but", "check", "wrong"}));
  EXPECT_EQ(reflection_words("然而，验证错误后重试，评估。"),
            (Words{"however", "verify", "error", "retry", "evaluate"}));
  EXPECT_EQ(reflection_words("三只苹果和四个梨"), Words{});
  const std::string text = "So 等等, wait";
  const std::vector<Reflection> found = reflections_in(text);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(text.substr(found[0].begin, found[0].end - found[0].begin), "等等");
}

TEST(Aha, AnAnswerThatChangesBehindAReflectionWord) {
  const auto aha = find_aha("The answer is 45. Wait, 4 + 2 is 6. The answer is 46.");
  ASSERT_TRUE(aha);
  EXPECT_EQ(aha->word, "wait");
  EXPECT_EQ(aha->before, "45");
  EXPECT_EQ(aha->after, "46");
  EXPECT_TRUE(find_aha("<think>12 + 34 = 45\nthat is wrong\n12+34=46</think><answer>46</answer>"));
  EXPECT_TRUE(find_aha("\\boxed{3}. However, I forgot one: \\boxed{4}"));
  EXPECT_TRUE(find_aha("答案是5。等等，答案是6。"));
}

TEST(Aha, NotWithoutTheWordTheChangeOrTheOrder) {
  EXPECT_FALSE(find_aha("The answer is 45. The answer is 46.")) << "no reflection";
  EXPECT_FALSE(find_aha("The answer is 45. Wait, let me check. The answer is 45.")) << "no change";
  EXPECT_FALSE(find_aha("Wait. The answer is 45. The answer is 46.")) << "the word comes first";
  EXPECT_FALSE(find_aha("The answer is 45. The answer is 46. Wait.")) << "the word comes last";
  EXPECT_FALSE(find_aha("3 + 4 = 7. But we need twice that: 7 * 2 = 14.")) << "another sum is no change of mind";
  EXPECT_FALSE(find_aha("12 + 34 = 46, check: 46 - 34 = 12. The answer is 46.")) << "a check that holds";
  EXPECT_FALSE(find_aha("The answer is 3.5. But wait."));
}

TEST(RepeatedShare, OfWordsAndOfHanCharacters) {
  EXPECT_EQ(repeated_share("a b c d e", 3), 0);
  EXPECT_EQ(repeated_share("a b", 3), 0);
  EXPECT_DOUBLE_EQ(repeated_share("a b c a b c", 3), 0.25) << "one of four 3-grams again";
  EXPECT_DOUBLE_EQ(repeated_share("数学数学数学", 2), 0.6) << "three of five 2-grams again";
}

DataRow row_with(const Json& row) {
  DataRow out;
  out.row = row;
  return out;
}

TEST(DifficultyLevels, NamesWhereFewThirdsWhereMany) {
  std::vector<DataRow> levels, numbers;
  for (const char* name : {"Level 1", "Level 5", "Level 1"}) levels.push_back(row_with({{"level", name}}));
  for (int i = 0; i < 30; i++) numbers.push_back(row_with({{"meta", {{"difficulty", i}}}}));
  const Difficulty named(levels), thirds(numbers), none({row_with({{"a", 1}})});
  EXPECT_EQ(named.level(levels[1]), "Level 5");
  EXPECT_EQ(thirds.level(numbers[0]), "low");
  EXPECT_EQ(thirds.level(numbers[10]), "low");
  EXPECT_EQ(thirds.level(numbers[11]), "middle");
  EXPECT_EQ(thirds.level(numbers[20]), "middle");
  EXPECT_EQ(thirds.level(numbers[29]), "high");
  EXPECT_EQ(thirds.level(levels[0]), std::nullopt) << "a name among numbers";
  EXPECT_EQ(none.level(row_with({{"a", 1}})), std::nullopt);
}

TEST(R1Metrics, OfFourCompletions) {
  const std::vector<LookedAt> all = {{.completion = "<think>wait, the sum of these is 5</think><answer>5</answer>",
                                      .prefilled = "",
                                      .outcome = Outcome::correct,
                                      .num_tokens = 10,
                                      .language = "en",
                                      .difficulty = "low"},
                                     {.completion = "the sum is 答案",
                                      .prefilled = "",
                                      .outcome = Outcome::wrong,
                                      .num_tokens = 20,
                                      .language = "en",
                                      .difficulty = "low"},
                                     {.completion = "",
                                      .prefilled = "",
                                      .outcome = Outcome::no_answer,
                                      .num_tokens = 40,
                                      .language = "en",
                                      .difficulty = "high"},
                                     {.completion = "1 2",
                                      .prefilled = "",
                                      .outcome = Outcome::failed,
                                      .num_tokens = 100,
                                      .language = "en",
                                      .difficulty = "high"}};
  Json m = Json::object();
  add_r1_metrics(all, m);
  EXPECT_EQ(m["completions/mean_length_correct"], 10.0);
  EXPECT_EQ(m["completions/mean_length_wrong"], 30.0);
  EXPECT_EQ(m["difficulty/low/mean_length"], 15.0);
  EXPECT_EQ(m["difficulty/low/correct"], 0.5);
  EXPECT_EQ(m["difficulty/high/mean_length"], 40.0) << "without the one that could not be judged";
  EXPECT_EQ(m["reflection/total"], 0.25);
  EXPECT_EQ(m["reflection/wait"], 0.25);
  EXPECT_EQ(m["reflection/but"], 0.0);
  EXPECT_EQ(m["reflection/aha"], 0.0);
  EXPECT_NEAR(m["language/consistency"].get<double>(), (1 + 3.0 / 5) / 2, 1e-12) << "of two with words";
  EXPECT_EQ(m["language/mixed"], 0.25);
  Json none = Json::object();
  add_r1_metrics(std::span(all).last(1), none);
  EXPECT_FALSE(none.contains("completions/mean_length_correct"));
  EXPECT_FALSE(none.contains("language/consistency"));
}

}  // namespace
}  // namespace r1
