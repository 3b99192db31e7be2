#include "text/steps.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/philox.h"

namespace r1 {
namespace {

using Texts = std::vector<std::string>;

Texts pieces(const std::string& text) {
  Texts out;
  for (const Step& s : split_steps(text)) out.push_back(text.substr(s.from, s.to - s.from));
  return out;
}

TEST(Steps, SentencesAndLines) {
  EXPECT_EQ(pieces(""), Texts{});
  EXPECT_EQ(pieces("  \n"), (Texts{"  \n"}));
  EXPECT_EQ(pieces("one"), (Texts{"one"}));
  EXPECT_EQ(pieces("So 3 + 4 = 7. Then we double it! Is it 14? Yes."),
            (Texts{"So 3 + 4 = 7. ", "Then we double it! ", "Is it 14? ", "Yes."}));
  EXPECT_EQ(pieces("First line\nsecond line\n\n\nthird\n"), (Texts{"First line\n", "second line\n\n\n", "third\n"}));
  EXPECT_EQ(pieces("He said \"it is 5.\" Then (so I think.) We stop. **Yes.** No."),
            (Texts{"He said \"it is 5.\" ", "Then (so I think.) ", "We stop. ", "**Yes.** ", "No."}));
  EXPECT_EQ(pieces("Wait... I think so. Done"), (Texts{"Wait... I think so. ", "Done"}));
}

TEST(Steps, Chinese) {
  EXPECT_EQ(pieces("小明有3个苹果。他又买了4个！一共多少？是7个。"),
            (Texts{"小明有3个苹果。", "他又买了4个！", "一共多少？", "是7个。"}));
  EXPECT_EQ(pieces("他说“是5。”然后走了。"), (Texts{"他说“是5。”", "然后走了。"}));
  EXPECT_EQ(pieces("3.5加1.5等于5.然后结束"), (Texts{"3.5加1.5等于5.", "然后结束"}));
  EXPECT_EQ(pieces("1.首先计算\n2.然后相加"), (Texts{"1.首先计算\n", "2.然后相加"}));
}

TEST(Steps, WhatIsNeverCut) {
  for (const char* whole : {"It costs 3.50 dollars and .5 more",
                            "Mr. Smith and Dr. Jones paid approx. 5",
                            "for example, e.g. Five, i.e. Two",
                            "about 5 ft. long and 3 lbs. heavy",
                            "J. R. Smith wrote it",
                            "at 5 p.m. The day",
                            "See Fig. 3 and Eq. 4",
                            "We know 5! = 120 and n! is large",
                            "$x = 5. Then y = 6$ holds",
                            "\\(a. B\\) is",
                            "\\[ a = b. \n C \\] ok",
                            "$$ a.\nB = c\n$$ end",
                            "\\begin{align} a &= b. \\\\\n C &= d \\end{align} end",
                            "`a. B` is code",
                            "1,000.5 is a number",
                            "version 3.1.4 is out",
                            "1. First do this",
                            "Step 2. Do that",
                            "a. Option one",
                            "2*3+4\n= 6+4\n= 10",
                            "3 + 4 =\n7",
                            "No. 5 is alive"})
    EXPECT_EQ(pieces(whole), Texts{whole});
}

TEST(Steps, PricesAreNoFormulas) {
  EXPECT_EQ(pieces("It costs $5. So two cost $10. Good."), (Texts{"It costs $5. ", "So two cost $10. ", "Good."}));
  EXPECT_EQ(pieces("So $5 + $3 = $8. Then more."), (Texts{"So $5 + $3 = $8. ", "Then more."}));
  EXPECT_EQ(pieces("He pays \\$5. Then $3x$. Done."), (Texts{"He pays \\$5. ", "Then $3x$. ", "Done."}));
}

TEST(Steps, Lists) {
  EXPECT_EQ(pieces("1. Add 2 and 3.\n2. Take 4 away.\n"), (Texts{"1. Add 2 and 3.\n", "2. Take 4 away.\n"}));
  EXPECT_EQ(pieces("1. Add. 2. Take away. 3. Stop."), (Texts{"1. Add. ", "2. Take away. ", "3. Stop."}));
  EXPECT_EQ(pieces("- one\n- two\n* three"), (Texts{"- one\n", "- two\n", "* three"}));
  EXPECT_EQ(pieces("Step 1: 48/2 = 24. Step 2: 48+24 = 72."), (Texts{"Step 1: 48/2 = 24. ", "Step 2: 48+24 = 72."}));
  EXPECT_EQ(pieces("It is 5 ft. Then 6. Now 7"), (Texts{"It is 5 ft. ", "Then 6. ", "Now 7"}));
  EXPECT_EQ(pieces("The answer is B. Next one"), (Texts{"The answer is B. ", "Next one"}));
}

TEST(Steps, CodeBlocksAreWhole) {
  const std::string block = "```python\nx = 1. \n\nprint(x)\n```\n";
  EXPECT_EQ(pieces("Look. Here:\n" + block + "Done. Yes"), (Texts{"Look. ", "Here:\n", block, "Done. ", "Yes"}));
  EXPECT_EQ(pieces("It ends.\n" + block + "Done"), (Texts{"It ends.\n", block, "Done"}));
  EXPECT_EQ(pieces("a\n```\nnever closed. Yes\nmore"), (Texts{"a\n", "```\nnever closed. Yes\nmore"}));
}

TEST(Steps, Tags) {
  EXPECT_EQ(pieces("<think>First 1 + 2. So 3.</think><answer>3</answer>"),
            (Texts{"<think>First 1 + 2. ", "So 3.</think>", "<answer>3</answer>"}));
  EXPECT_EQ(pieces("<think>\nOne.\nTwo.\n</think>\n<answer>3</answer>\n"),
            (Texts{"<think>\nOne.\n", "Two.\n</think>\n", "<answer>3</answer>\n"}));
}

// Texts of what splitters stumble over, glued at random.
std::string nasty(uint32_t n) {
  static const Texts parts = {
      "So ",  "x",          "5",        ". ",  ".",  "\n",  "\n\n",     "$",       "$$",       "\\(",      "\\)",
      "\\[",  "\\]",        "```",      "`",   "。", "！",  "？",       "”",       "\"",       ")",        " ",
      "e.g.", "Mr. A",      "3.14",     "1. ", "- ", "= ",  "=",        "<think>", "</think>", "<answer>", "</answer>",
      "<",    "\\begin{a}", "\\end{a}", "!",   "? ", "...", "Step 2. ", "然后",    "\xE3\x80", "\xFF",     "　",
      "\r\n", "~~~\n",      "```py\n",  "≈",   "×",  "* ",  "ft. ",     "$5",      "$x$",      "**",       "No. "};
  std::string out;
  const RandomPlace place{.seed = 7, .stage = Stage::test, .prompt = n};
  const uint64_t length = random_below(place, 40, 0);
  for (uint32_t i = 1; i <= length; i++) out += parts[random_below(place, parts.size(), i)];
  return out;
}

TEST(StepsProperties, TheyGiveTheTextBackAndStayWhenItGoesOn) {
  for (uint32_t n = 0; n < 2000; n++) {
    const std::string text = nasty(n);
    const std::vector<Step> whole = split_steps(text);
    size_t at = 0;
    for (const Step& s : whole) {
      ASSERT_EQ(s.from, at) << n << ": " << text;
      ASSERT_LT(s.from, s.to);
      at = s.to;
    }
    ASSERT_EQ(at, text.size());
    for (size_t length = 0; length < text.size(); length++) {
      const std::vector<Step> part = split_steps(text.substr(0, length));
      ASSERT_LE(part.size(), whole.size());
      for (size_t i = 0; i + 1 < part.size(); i++)
        ASSERT_EQ(part[i], whole[i]) << n << ", the first " << length << " bytes of: " << text;
    }
  }
}

TEST(StepsProperties, LongTextsTakeLinearTime) {
  for (const char* part :
       {"$x. ", "\\(", "\\begin{a}", "`a. ", "```\n", "a.", "a. ", "\n", "(", "。", "<think>", "$", "A. "}) {
    std::string text;
    while (text.size() < 200'000) text += part;
    const auto start = std::chrono::steady_clock::now();
    split_steps(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4)) << part;
  }
}

// Tokens of one, two, three, ... bytes.
class Growing : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view, EncodeOptions) const override { return {}; }
  std::string decode(const std::vector<TokenId>&, bool) const override { return ""; }
  std::string token_bytes(TokenId id) const override { return std::string(static_cast<size_t>(id), 'a'); }
  bool is_special(TokenId id) const override { return id == 9; }
  TokenId find(std::string_view) const override { return -1; }
  int vocabulary_size() const override { return 10; }
};

TEST(Steps, TokensBelongToTheStepTheyBeginIn) {
  const Growing tokenizer;
  // bytes 0 1-3 4-5 | 6 with a special one behind
  EXPECT_EQ(token_steps({{0, 4}, {4, 7}}, {1, 3, 2, 1, 9}, tokenizer), (std::vector<Step>{{0, 2}, {2, 5}}));
  EXPECT_EQ(token_steps({{0, 2}, {2, 3}, {3, 7}}, {1, 3, 2, 1}, tokenizer),
            (std::vector<Step>{{0, 2}, {2, 2}, {2, 4}}));
  EXPECT_EQ(token_steps({{0, 4}}, {}, tokenizer), (std::vector<Step>{{0, 0}}));
  EXPECT_EQ(token_steps({}, {1}, tokenizer), std::vector<Step>{});
}

}  // namespace
}  // namespace r1
