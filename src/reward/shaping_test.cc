// Expected values are the papers' formulas worked out by hand, and open-r1's where it has the function.
#include "reward/shaping.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reward/language.h"

namespace r1 {
namespace {

TEST(Shaping, CosineRunsFromBeginToEnd) {
  const CosineScale s;
  EXPECT_DOUBLE_EQ(cosine_reward(true, 0, 1000, s), 1);
  EXPECT_DOUBLE_EQ(cosine_reward(true, 500, 1000, s), 0.75);
  EXPECT_DOUBLE_EQ(cosine_reward(true, 1000, 1000, s), 0.5);
  EXPECT_DOUBLE_EQ(cosine_reward(true, 250, 1000, s), 0.5 + 0.25 * (1 + 0.7071067811865476));
  EXPECT_DOUBLE_EQ(cosine_reward(false, 0, 1000, s), -1);
  EXPECT_DOUBLE_EQ(cosine_reward(false, 500, 1000, s), -0.75);
  EXPECT_DOUBLE_EQ(cosine_reward(false, 1000, 1000, s), -0.5);
  EXPECT_DOUBLE_EQ(cosine_reward(false, 5000, 1000, s), -0.5);
}

TEST(Shaping, KimiGivesShortRightAnswersMost) {
  const std::vector<int64_t> lengths = {100, 200, 300, 100, 300};
  EXPECT_EQ(kimi_length_rewards(lengths, {true, true, true, false, false}),
            (std::vector<double>{0.5, 0, -0.5, 0, -0.5}));
  EXPECT_EQ(kimi_length_rewards(std::vector<int64_t>{7, 7}, {true, false}), (std::vector<double>{0, 0}));
  EXPECT_TRUE(kimi_length_rewards({}, {}).empty());
}

TEST(Shaping, RepetitionCountsDistinctNGrams) {
  EXPECT_EQ(repetition_penalty("a b c d e", 3, -1), 0);
  EXPECT_FALSE(std::signbit(repetition_penalty("a b c d e", 3, -1))) << "-0 would be printed as such";
  EXPECT_EQ(repetition_penalty("a b", 3, -1), 0);
  EXPECT_EQ(repetition_penalty("", 1, -1), 0);
  EXPECT_DOUBLE_EQ(repetition_penalty("a a a a", 2, -1), -(1 - 1.0 / 3));
  EXPECT_DOUBLE_EQ(repetition_penalty("A b a B\na b", 2, -0.5), -0.5 * (1 - 2.0 / 5));
}

TEST(Shaping, TagsCountOnce) {
  EXPECT_EQ(tag_count("<think>\na\n</think>\n<answer>\nb\n</answer>"), 1);
  EXPECT_EQ(tag_count("<think>a</think>"), 0.5);
  EXPECT_EQ(tag_count("<think><think>a</think>"), 0.25);
  EXPECT_EQ(tag_count(""), 0);
}

TEST(Shaping, FiltersNameWhatIsWrong) {
  const FilterLimits limits{.longest_paragraph = 20, .language_share = 0.9};
  EXPECT_STREQ(filtered_for("short\n\nand short", 1, limits), "");
  EXPECT_STREQ(filtered_for("short\n\n```x```", 1, limits), "a code block");
  EXPECT_STREQ(filtered_for("short", 0.89, limits), "mixed languages");
  EXPECT_STREQ(filtered_for("\u4E00\u4E00\u4E00\u4E00\u4E00\u4E00\u4E00", 1, limits), "");  // 7 characters, 21 bytes
  EXPECT_STREQ(filtered_for("a paragraph of more than twenty", 1, limits), "a long paragraph");
}

TEST(Shaping, WordsAreCounted) {
  EXPECT_EQ(count_words(""), 0);
  EXPECT_EQ(count_words(" one  two\nthree. "), 3);
  EXPECT_EQ(count_words("\u7B54\u6848 is 42"), 4);
  EXPECT_EQ(count_words("\xFF\xFF x"), 2);
}

double share(std::string_view text, const std::string& language) { return language_share(text, language).share(); }

TEST(Language, ScriptsTellMostLanguages) {
  EXPECT_EQ(share("We add the two numbers", "en"), 1);
  EXPECT_EQ(share("We add the two numbers", "zh"), 0);
  EXPECT_EQ(share("\u6211\u4EEC\u76F8\u52A0", "zh"), 1);
  EXPECT_EQ(share("\u0441\u043B\u043E\u0436\u0438\u043C numbers", "ru"), 0.5);
  EXPECT_EQ(share("\u305D\u3057\u3066\u8A08\u7B97", "ja"), 1);
}

TEST(Language, CommonWordsTellLatinOnes) {
  const char* german = "Zuerst addieren wir die beiden Zahlen. Dann ziehen wir drei ab.";
  EXPECT_EQ(share(german, "de"), 1);
  EXPECT_EQ(share(german, "en"), 0);
  EXPECT_EQ(share("First we add the numbers. Dann ziehen wir drei ab.", "en"), 0.5);
  EXPECT_EQ(share("Ensuite nous avons les pommes", "fr"), 1);
  EXPECT_EQ(share("Entonces tenemos las manzanas y los platos", "es"), 1);
  EXPECT_EQ(main_language(german), "de");
  EXPECT_EQ(main_language("How many apples are there?"), "en");
  EXPECT_EQ(main_language("\u6709\u591A\u5C11\u4E2A"), "zh");
  EXPECT_EQ(main_language("12 + 30"), "en");
}

TEST(Language, FormulasCodeAndTagsAreNoWords) {
  EXPECT_EQ(language_share("$x = \\frac{abc}{def}$ `code` ```more code``` \\alpha <think> 12 x", "en").words, 0);
  EXPECT_EQ(language_share("\\(abc\\) and \\[def\\] $$ghi$$", "en").words, 1);
  EXPECT_EQ(language_share("it costs $5 and I pay", "en").words, 5);
  EXPECT_EQ(share("", "en"), 0);
}

}  // namespace
}  // namespace r1
