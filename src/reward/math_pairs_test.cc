// Pairs of answers made and told apart by sympy (tools/make_math_pairs.py), and hostile completions.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>

#include "base/json.h"
#include "reward/math_answer.h"

namespace r1 {
namespace {

struct Pair {
  std::string answer, completion, kind;
  bool equal = false;
};

std::vector<Pair> pairs() {
  std::vector<Pair> out;
  std::ifstream in(R1_SOURCE_DIR "/src/reward/testdata/math_pairs.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    out.push_back({row["answer"], row["completion"], row["kind"], row["equal"]});
  }
  return out;
}

// The forms that are not recognised as equal are listed in docs/results/rewards.md; this is their number.
constexpr int kFalseNegatives = 0;

TEST(MathPairs, NoFalsePositive) {
  int equal = 0, missed = 0, different = 0;
  for (const Pair& p : pairs()) {
    const Verdict v = judge_math("\\boxed{" + p.completion + "}", "", p.answer);
    if (p.equal) {
      equal++;
      missed += v.outcome != Outcome::correct;
      EXPECT_NE(v.outcome, Outcome::failed) << p.answer;
    } else {
      different++;
      EXPECT_EQ(v.outcome, Outcome::wrong) << p.completion << " for " << p.answer;
    }
  }
  EXPECT_GT(equal, 900);
  EXPECT_GT(different, 900);
  EXPECT_LE(missed, kFalseNegatives);
}

// What equals one way equals the other: no form of a number is a worse reference than another.
TEST(MathPairs, FormulasCompareBothWays) {
  for (const Pair& p : pairs()) {
    if (p.kind != "formula") continue;
    const Verdict v = judge_math("\\boxed{" + p.answer + "}", "", p.completion);
    EXPECT_EQ(v.outcome, p.equal ? Outcome::correct : Outcome::wrong) << p.answer << " for " << p.completion;
  }
}

std::string repeated(std::string_view part, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

// Of processor time: what else the machine does is not the checker's.
double milliseconds(const std::string& completion, const std::string& reference, Outcome* outcome) {
  const auto now = [] {
    timespec t = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
  };
  const double start = now();
  *outcome = judge_math(completion, "", reference).outcome;
  return now() - start;
}

#ifdef __SANITIZE_ADDRESS__
constexpr double kMostMilliseconds = 1000;
#else
constexpr double kMostMilliseconds = 100;
#endif

// Nothing earns, and nothing takes long.
TEST(MathHostile, NeverEarnsNeverHangs) {
  std::vector<std::string> texts;
  for (const char* part : {"{",         "}",        "\\boxed{",  "\\boxed{1}", "\\boxed{1} or ",
                           "\\frac{",   "\\sqrt{",  "(",         "|",          "9^",
                           "9^{",       "-",        "\\sin ",    "1+",         "x*",
                           "2!",        "!",        "\\{",       "[1,",        "$1$ or ",
                           "$",         "\\(1\\) ", "<answer>1", "</answer>",  "####1\n",
                           "\\text{a}", "\\pm 1",   "\xFF",      "\u202E",     "\u200B",
                           "answer is "}) {
    texts.push_back(repeated(part, 1 << 20));
    texts.push_back("\\boxed{" + repeated(part, 4000) + "}");
    texts.push_back("\\boxed{" + repeated(part, 300) + "}");
    texts.push_back("\\boxed{" + repeated(part, 70) + "}");
    texts.push_back(repeated(part, 4000));
  }
  for (const char* text :
       {"9^{9^{9^{9}}}", "5^{5^{5^{5}}}", "10^{10^{10}}!", "100000!", "((((3!)!)!)!)!", "2^{2^{2^{2^{2^{2}}}}}",
        "\\binom{1000000}{500000}", "\\sqrt[1000000]{2}", "\\sin(10^{10^{8}})", "e^{e^{e^{e^{e}}}}",
        "\\tan\\frac{\\pi}{2}", "\\frac{1}{\\sqrt{2}\\sqrt{3}-\\sqrt{6}}", "0^0", "\\ln 0", "(x^{1000000})^{1000000}",
        "x^{2305843009213693950}", "1e999999", "0.0000000000000000001e-99999", "\\pi^{\\pi^{\\pi^{\\pi}}}"})
    texts.push_back("\\boxed{" + std::string(text) + "}");
  for (const std::string reference : {"31337", "\\sqrt{2}", "x^2+1", "\\{1,2\\}"})
    for (const std::string& text : texts) {
      Outcome outcome;
      EXPECT_LT(milliseconds(text, reference, &outcome), kMostMilliseconds) << text.substr(0, 60);
      EXPECT_NE(outcome, Outcome::correct) << text.substr(0, 60) << " for " << reference;
      EXPECT_NE(outcome, Outcome::failed);
    }
}

}  // namespace
}  // namespace r1
