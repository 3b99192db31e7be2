#include "reward/math_answer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "base/philox.h"
#include "reward/number.h"

namespace r1 {
namespace {

const char* outcome(std::string_view completion, std::string_view reference, std::string_view prefilled = "") {
  return outcome_name(judge_math(completion, prefilled, reference).outcome);
}

TEST(MathAnswer, AcceptsTheSpellingsOf42) {
  for (const char* text : {"42",
                           "42.0",
                           "\\boxed{42}",
                           "#### 42",
                           "$42.00",
                           "84/2",
                           "\\frac{84}{2}",
                           "42 apples",
                           "x = 42",
                           "**42**",
                           "The answer is 42.",
                           "The answer is: $42$",
                           "Answer: **42**",
                           "\\[ \\boxed{42} \\]",
                           "$\\boxed{42\\text{ cm}}$",
                           "\\boxed{x = 42}",
                           "\\fbox{42}",
                           "\\boxed {42}",
                           "#### $42",
                           "####42",
                           "#### The answer is 42",
                           "#### x = 42",
                           "First 12, then 30. #### 42",
                           "<answer>42</answer>",
                           "<answer> 42 </answer>",
                           "<answer>\\boxed{42}</answer>",
                           "<answer>#### 42</answer>",
                           "<answer>The answer is 42.</answer>",
                           "<answer>12 + 30 = 42</answer>",
                           "<answer>$42</answer>",
                           "<answer>42",
                           "<think>12 + 30</think> 42",
                           "<think>12 + 30</think> <answer>42</answer>",
                           "<think>I must use <answer> 7 </answer></think><answer>42</answer>",
                           "12 + 30 = 42",
                           "I count 12 and 30 apples. Together they are 42.",
                           "Not \\boxed{41}. Let me check that again: \\boxed{42}",
                           "\\boxed{42} and again \\boxed{42.0}",
                           "#### Step 2\nIt is 42",
                           "<answer>|-42|</answer>",
                           "42\n"})
    EXPECT_STREQ(outcome(text, "42"), "correct") << text;
}

TEST(MathAnswer, OtherReferences) {
  EXPECT_STREQ(outcome("\\boxed{1,234}", "$1,234.00"), "correct");
  EXPECT_STREQ(outcome("0.75", "3/4"), "correct");
  EXPECT_STREQ(outcome("75%", "0.75"), "correct");
  EXPECT_STREQ(outcome("75%", "75"), "correct");
  EXPECT_STREQ(outcome("-7", "\u22127"), "correct");
  EXPECT_STREQ(outcome("7", "-7"), "wrong");
  EXPECT_STREQ(outcome("72", "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72"), "correct");
  EXPECT_STREQ(outcome("24", "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72"), "wrong");
  EXPECT_STREQ(outcome("42", "We find $x = 40 + 2 = \\boxed{42}$."), "correct");
  EXPECT_STREQ(outcome("2/3", "0.6666666667"), "correct");
  EXPECT_STREQ(outcome("43", "43.0"), "correct");
}

// A line behind #### may begin with a word: a function's name, or a text answer that nothing follows.
TEST(MathAnswer, HashesBeforeWords) {
  EXPECT_STREQ(outcome("so\n#### sqrt(5)", "\\sqrt{5}"), "correct");
  EXPECT_STREQ(outcome("#### pi", "\\pi"), "correct");
  EXPECT_STREQ(outcome("#### log(3)", "\\log 3"), "correct");
  EXPECT_STREQ(outcome("#### sqrt(6)", "\\sqrt{5}"), "wrong");
  EXPECT_STREQ(outcome("It was a long day.\n#### Thursday\n", "Thursday"), "correct");
  EXPECT_STREQ(outcome("It was a long day.\n#### Friday", "Thursday"), "wrong");
  EXPECT_STREQ(outcome("#### Solution\nIt is 42", "42"), "correct");
}

TEST(MathAnswer, WrongIsAnotherNumber) {
  for (const char* text : {"43", "-42", "42.1", "42,000", "\\boxed{41}", "#### 420", "<answer>24</answer>", "42/2",
                           "42e1", "\\boxed{42} Let me check it once more: \\boxed{43}", "42 <answer>43</answer>",
                           "#### 42\nno, in the end it was\n#### 43"})
    EXPECT_STREQ(outcome(text, "42"), "wrong") << text;
}

// Nothing here commits to 42, whatever a lenient reader would find in it.
TEST(MathAnswer, HedgesAreWrong) {
  for (const char* text : {"42 or 43",
                           "43 or 42",
                           "41, 42",
                           "41 42",
                           "[41, 42]",
                           "41/42/43",
                           "41\n42\n",
                           "<answer>42 or 43</answer>",
                           "<answer>43, 42</answer>",
                           "<answer>41 42</answer>",
                           "<answer>42</answer><answer>43</answer>",
                           "<answer>43</answer> <answer>42</answer>",
                           "<answer>it is forty-two</answer> 42",
                           "\\boxed{43} \\boxed{42}",
                           "\\boxed{42} or \\boxed{43}",
                           "\\boxed{43}, \\boxed{42}",
                           "\\boxed{43}\n\\boxed{42}",
                           "\\boxed{42} or 43",
                           "\\boxed{41 \\boxed{42}}",
                           "\\boxed{41, 42}",
                           "\\boxed{42 \\text{ or } 43}",
                           "\\boxed{x} 42",
                           "#### 43\n#### 42",
                           "#### 41 or 42",
                           "#### 41, 42",
                           "#### forty 42 or so",
                           "<answer>x42</answer>",
                           "1/0",
                           "<answer>1/0</answer>",
                           "42/0",
                           "1e999999999",
                           "<answer>42e999999999</answer>",
                           "<answer>2x</answer>",
                           "<answer>40 + 2</answer>",
                           "40 + 2",
                           "\\boxed{40 + 2}",
                           "<answer>sqrt(42)</answer>",
                           "<answer>42 thousand</answer>",
                           "<answer>x > 42</answer>",
                           "<answer>not 42</answer>",
                           "<answer>\\pm 42</answer>"})
    EXPECT_STREQ(outcome(text, "42"), "wrong") << text;
  EXPECT_STREQ(outcome(std::string_view("<answer>4\0002</answer>", 20), "42"), "wrong");
  EXPECT_STREQ(outcome(std::string_view("<answer>42\000</answer>", 20), "42"), "wrong");
  EXPECT_STREQ(outcome("<answer>" + std::string(200000, '4') + "</answer>", "42"), "wrong");
  EXPECT_STREQ(outcome(std::string(200000, '4'), "42"), "wrong");
}

TEST(MathAnswer, NothingIsNoAnswer) {
  for (const char* text :
       {"", "   ", "I do not know", "<answer>42<answer>42</answer></answer>", "<answer>42</answer></answer>",
        "</answer>42<answer>", "42</answer>", "<answer></answer> 42", "\\boxed{}", "x2", "x42"})
    EXPECT_STREQ(outcome(text, "42"), "no_answer") << text;
}

// The last of several marked answers counts, unless they are offered side by side.
TEST(MathAnswer, ALaterAnswerReplacesAnEarlierOne) {
  EXPECT_STREQ(outcome("I first got \\boxed{41}. Wait: \\boxed{42}", "42"), "correct");
  EXPECT_STREQ(outcome("So \\boxed{42}. No, it must be \\boxed{41}", "42"), "wrong");
  EXPECT_STREQ(outcome("Put it in \\boxed{}. It is \\boxed{42}", "42"), "correct");
  EXPECT_STREQ(outcome("It is \\boxed{42}. I put it in \\boxed{}.", "42"), "correct");
  EXPECT_STREQ(outcome("\\boxed{42} and \\boxed{41}", "42"), "wrong");
  EXPECT_STREQ(outcome("\\boxed{41}, or else \\boxed{42}", "42"), "wrong");
  EXPECT_STREQ(outcome("either \\boxed{42} or maybe \\boxed{42}", "42"), "correct");
}

TEST(MathAnswer, TheThoughtIsNotTheAnswer) {
  EXPECT_STREQ(outcome("<think>42</think>", "42"), "no_answer");
  EXPECT_STREQ(outcome("<think>it is \\boxed{42}</think> done", "42"), "no_answer");
  EXPECT_STREQ(outcome("<think><answer>42</answer></think>", "42"), "no_answer");
  EXPECT_STREQ(outcome("<think>it is 42", "42"), "no_answer");
  EXPECT_STREQ(outcome("<think>it is <answer>42</answer>", "42"), "no_answer");
  EXPECT_STREQ(outcome("<answer>42</answer> <think>hm", "42"), "no_answer");
  EXPECT_STREQ(outcome("<answer>42</answer> <think>hm</think>", "42"), "no_answer");
  EXPECT_STREQ(outcome("<think>a</think> 41 <think>b</think> 42", "42"), "correct");
  EXPECT_STREQ(outcome("<think>a</think> 42 <think>b", "42"), "no_answer");
}

TEST(MathAnswer, APrefilledThoughtIsKnown) {
  EXPECT_STREQ(outcome("it is 42", "42", "<think>\n"), "no_answer");
  EXPECT_STREQ(outcome("it is <answer>42</answer>", "42", "<think>\n"), "no_answer");
  EXPECT_STREQ(outcome("it is 41</think> 42", "42", "<think>\n"), "correct");
  EXPECT_STREQ(outcome("it is 42</think> 41", "42", "<think>\n"), "wrong");
  EXPECT_STREQ(outcome("it is 42</think>", "42", "<think>\n"), "no_answer");
  EXPECT_STREQ(outcome("it is 41</think> <answer>42</answer>", "42", "<think>\n"), "correct");
  EXPECT_STREQ(outcome("42", "42", "<think>\n\n</think>\n\n"), "correct");
  EXPECT_STREQ(outcome("42</answer>", "42", "<think>a</think><answer>"), "correct");
  EXPECT_STREQ(outcome("42 or 43</answer>", "42", "<think>a</think><answer>"), "wrong");
}

TEST(MathAnswer, ABadReferenceFails) {
  for (const char* reference :
       {"", " ", "3 or 4", "1/0", "####", "#### 3 or 4", "\\frac{1}{2-2}", "9^{9^{9^9}}", "4\u200B2"}) {
    const Verdict v = judge_math("42", "", reference);
    EXPECT_EQ(v.outcome, Outcome::failed) << reference;
    EXPECT_NE(v.reason.find("reference"), std::string::npos);
  }
}

TEST(MathAnswer, SaysWhatItRead) {
  Verdict v = judge_math("<answer>$1,234.50</answer>", "", "7");
  EXPECT_EQ(v.extracted, "2469/2");
  EXPECT_EQ(v.reason, "2469/2 is not 7");
  v = judge_math("\\boxed{x = \\frac{\\sqrt{2}}{2}}", "", "7");
  EXPECT_EQ(v.extracted, "x = root(2, 2)/2");
  v = judge_math("\\boxed{42.0} apples", "", "42");
  EXPECT_EQ(v.extracted, "42");
  EXPECT_EQ(v.score, 1);
  EXPECT_EQ(judge_math("I do not know", "", "3").extracted, "");
  EXPECT_EQ(judge_math("3 or 4", "", "3").reason, "3 or 4 is not 3: it names alternatives");
  const ExtractedAnswer a = extract_answer("<think>9</think> so \\boxed{3 apples}", "");
  EXPECT_EQ(a.text, "3 apples");
  EXPECT_EQ(a.place, AnswerPlace::boxed);
  EXPECT_EQ(extract_answer("so 3", "").place, AnswerPlace::last);
  EXPECT_EQ(extract_answer("<answer>3</answer>", "").place, AnswerPlace::tag);
  EXPECT_EQ(extract_answer("#### 3", "").place, AnswerPlace::hashes);
  EXPECT_TRUE(extract_answer("3 or 4", "").hedged);
}

TEST(MathAnswer, OrderOfPlaces) {
  EXPECT_STREQ(outcome("\\boxed{42} #### 2 \n 3 <answer>4</answer> 5", "42"), "correct");
  EXPECT_STREQ(outcome("1 <answer>3</answer> #### 42\n5", "42"), "correct");
  EXPECT_STREQ(outcome("1 <answer>42</answer> 5", "42"), "correct");
  EXPECT_STREQ(outcome("1\n#### 42\nThere are 5 of them", "42"), "correct");
  EXPECT_STREQ(outcome("first 1, then 5, so 42", "42"), "correct");
  EXPECT_STREQ(outcome("we know $x = 1$ and then $y = 42$", "42"), "correct");
  EXPECT_STREQ(outcome("The answer is 42. I hope it is correct.", "42"), "correct");
}

// Long input costs time in proportion, however it is built. (A quadratic reader would need hours here.)
TEST(MathAnswer, HostileLengthIsLinear) {
  const auto repeated = [](std::string_view part, size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += part;
    return out;
  };
  for (const char* part :
       {"\\boxed{",  "\\boxed{1}", "{",        "}",       "####",       "#### 1\n", "#### 1 ",      "<answer>",
        "</answer>", "<think>",    "</think>", "\\frac{", "\\frac{1}{", "1/",       "1,",           "1 ",
        "1.",        "-",          "1-",       "^",       "1e",         "1=",       "\\",           "$",
        "*",         "_1",         "\xF0",     "or 1 ",   "(1",         "1 1/",     "\\frac{1}{2}", "e1"}) {
    const std::string text = repeated(part, 1 << 20);
    EXPECT_STRNE(outcome(text, "31337"), "correct") << part;
    EXPECT_STRNE(outcome("<answer>" + text + "</answer>", "31337"), "correct") << part;
    EXPECT_STRNE(outcome("\\boxed{" + text + "}", "31337"), "correct") << part;
  }
}

// ---- any rational in many spellings: equal is correct, another value is wrong

struct Draws {
  uint32_t sample;
  uint32_t at = 0;
  int64_t below(uint64_t n) {
    return static_cast<int64_t>(random_below({.seed = 23, .stage = Stage::test, .sample = sample}, n, at++));
  }
};

std::string spelling(Draws& d, int64_t n, int64_t m) {  // n / m
  const std::string a = std::to_string(n), b = std::to_string(m);
  std::string absolute = std::to_string(std::abs(n)), sign = n < 0 ? "-" : "";
  if (m == 1) {
    switch (d.below(6)) {
      case 0:
        return a;
      case 1:
        return a + ".0";
      case 2:
        return sign + "$" + absolute;
      case 3:
        return "\\text{" + a + "}";
      case 4:
        return "**" + a + "**";
      default:
        break;
    }
  }
  switch (d.below(4)) {
    case 0:
      return a + "/" + b;
    case 1:
      return sign + "\\frac{" + absolute + "}{" + b + "}";
    case 2:
      return std::to_string(n * 3) + "/" + std::to_string(m * 3);
    default:
      return "\\dfrac{" + a + "}{" + b + "}";
  }
}

std::string placed(Draws& d, const std::string& number) {
  switch (d.below(7)) {
    case 0:
      return "<think>1 + 1 = 2</think><answer>" + number + "</answer>";
    case 1:
      return "We get \\boxed{" + number + "}.";
    case 2:
      return "1 and 2 make 3.\n#### " + number;
    case 3:
      return "<think>5 or 6</think> The answer is " + number;
    case 4:
      return "<answer>x = " + number + "</answer>";
    case 5:
      return "$$\\boxed{" + number + "}$$";
    default:
      return number;
  }
}

TEST(MathAnswerProperty, EqualIsCorrectPerturbedIsWrong) {
  for (uint32_t i = 0; i < 3000; i++) {
    Draws d{i};
    const int64_t n = d.below(2'000'000) - 1'000'000, m = d.below(2) == 0 ? 1 : 1 + d.below(999);
    const std::string reference = spelling(d, n, m), text = placed(d, spelling(d, n, m));
    ASSERT_STREQ(outcome(text, reference), "correct") << text << " for " << reference;
    // another numerator, another denominator, the sign
    int64_t n2 = n, m2 = m;
    const int64_t kind = d.below(3);
    if (kind == 0) n2 += 1 + d.below(9);
    if (kind == 1) m2 += 1 + d.below(9);
    if (kind == 2 || n == 0) n2 = -n - (n == 0);
    const std::string off = placed(d, spelling(d, n2, m2));
    ASSERT_STREQ(outcome(off, reference), "wrong") << off << " for " << reference;
  }
}

// Two different numbers offered for one question never earn, whichever is right.
TEST(MathAnswerProperty, OfferingTwoNumbersNeverEarns) {
  for (uint32_t i = 0; i < 2000; i++) {
    Draws d{50000 + i};
    const int64_t n = d.below(1000), other = n + 1 + d.below(50);
    const std::string a = std::to_string(n), b = std::to_string(other);
    const std::string first = d.below(2) == 0 ? a : b, second = first == a ? b : a;
    static constexpr const char* kBetween[] = {" or ",           ", ",  " ", "; ", " and ", " / or ",
                                               " \\text{ or } ", " | ", "\n"};
    const std::string pair = first + kBetween[d.below(9)] + second;
    for (const std::string& text : {"<answer>" + pair + "</answer>", "\\boxed{" + pair + "}", pair,
                                    "<answer>" + first + "</answer><answer>" + second + "</answer>",
                                    "\\boxed{" + first + "} or \\boxed{" + second + "}"}) {
      ASSERT_STREQ(outcome(text, a), "wrong") << text;
    }
  }
}

// ---- real references

std::string shared(const std::string& file) {
  const char* root = std::getenv("R1_SHARED");
  return std::string(root != nullptr ? root : R1_SOURCE_DIR "/../shared") + "/" + file;
}

std::vector<nlohmann::json> rows_of(const std::string& path) {
  std::vector<nlohmann::json> out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
  return out;
}

TEST(MathAnswerData, Gsm8kReferences) {
  const std::string path = shared("data/gsm8k/train.jsonl");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  int rows = 0;
  for (const auto& row : rows_of(path)) {
    const std::string worked = row["answer"];
    const size_t at = worked.rfind("####") + 4;
    std::string digits = worked.substr(at);
    std::erase_if(digits, [](char c) { return c == ',' || c == ' '; });
    const int64_t value = std::stoll(digits);
    ASSERT_STREQ(outcome(worked, worked), "correct") << worked;
    ASSERT_STREQ(outcome(worked, digits), "correct") << worked;
    ASSERT_STREQ(outcome("<think>" + worked + "</think><answer>" + digits + "</answer>", worked), "correct");
    ASSERT_STREQ(outcome("The answer is " + std::to_string(value + 1) + ".", worked), "wrong") << worked;
    ASSERT_STREQ(outcome(worked.substr(0, at) + " " + std::to_string(value - 1), worked), "wrong") << worked;
    rows++;
  }
  EXPECT_EQ(rows, 7473);
}

TEST(MathAnswerData, MawpsTargets) {
  int rows = 0;
  for (const char* name : {"addsub", "singleeq", "singleop"}) {
    const std::string path = shared("data/mawps/" + std::string(name) + ".jsonl");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
    for (const auto& row : rows_of(path)) {
      const std::string target = row["target"].dump();
      const double value = row["target"];
      ASSERT_STREQ(outcome("The answer is " + target, target), "correct") << target;
      ASSERT_STREQ(outcome("\\boxed{" + nlohmann::json(value + 1).dump() + "}", target), "wrong") << target;
      if (value == std::floor(value)) {
        const std::string whole = std::to_string(static_cast<int64_t>(value));
        ASSERT_STREQ(outcome("<answer>" + whole + "</answer>", target), "correct");
      }
      rows++;
    }
  }
  EXPECT_EQ(rows, 1465);
}

}  // namespace
}  // namespace r1
