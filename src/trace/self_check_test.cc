#include "trace/self_check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

// One token a byte. A draw writes its own script from where it goes on.
class ScriptedWriter : public StepWriter {
 public:
  explicit ScriptedWriter(std::vector<std::string> scripts) : scripts_(std::move(scripts)) {}
  Piece write(const std::vector<TokenId>& kept, uint32_t draw, int64_t most,
              const std::function<bool(const std::string& text)>& stop) override {
    draws++;
    std::string text = text_of(kept);
    kept_at.push_back(text);
    const std::string& script = scripts_.at(std::min<size_t>(draw, scripts_.size() - 1));
    Piece out;
    // a script that begins with what is kept goes on behind it
    const size_t from = script.starts_with(text) ? text.size() : 0;
    for (size_t i = from; i < script.size() && static_cast<int64_t>(out.ids.size()) < most; i++) {
      out.ids.push_back(script[i]);
      text += script[i];
      if (stop(text)) return out;
    }
    out.ended = static_cast<int64_t>(out.ids.size()) < most;
    return out;
  }
  std::string text_of(const std::vector<TokenId>& ids) override { return std::string(ids.begin(), ids.end()); }
  std::vector<TokenId> cut(const std::vector<TokenId>& ids, const std::string&, size_t bytes) override {
    return std::vector<TokenId>(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(bytes));
  }
  int64_t prompt_size() const override { return 10; }
  int draws = 0;
  std::vector<std::string> kept_at;

 private:
  std::vector<std::string> scripts_;
};

constexpr const char* kWrong = "Take it. So 3+4=8. The answer is 8.";
constexpr const char* kRight = "Take it. So 3+4=7. The answer is 7.";

TEST(SelfCheck, GoesBackToTheLastGoodStep) {
  ScriptedWriter writer({kWrong, kRight});
  ClaimJudge judge;
  const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 60, .budget = 1000});
  EXPECT_EQ(c.text, kRight);
  EXPECT_TRUE(c.ended);
  EXPECT_EQ(writer.kept_at, (std::vector<std::string>{"", "Take it. "}));
  ASSERT_EQ(c.dropped.size(), 1u);
  EXPECT_EQ(c.dropped[0].step, 1u);
  EXPECT_EQ(c.dropped[0].text, "So 3+4=8. ");
  EXPECT_EQ(c.dropped[0].value, 0);
  ASSERT_EQ(c.steps.size(), 3u);
  EXPECT_FALSE(c.steps[0].value);
  EXPECT_EQ(c.steps[1].value, 1);
  // the step is complete with the first letter of the next: up to "T", and the rest of the right one behind "Take it. "
  const int64_t first = std::string("Take it. So 3+4=8. T").size(), second = std::string(kRight).size() - 9;
  EXPECT_EQ(c.sampled, first + second);
  EXPECT_EQ(c.read, 10 + 9);
}

TEST(SelfCheck, NothingFallsNothingIsLost) {
  ScriptedWriter writer({kRight});
  ClaimJudge judge;
  const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 60, .budget = 1000});
  EXPECT_EQ(c.text, kRight);
  EXPECT_EQ(c.sampled, static_cast<int64_t>(c.text.size()));
  EXPECT_EQ(c.read, 0);
  EXPECT_EQ(writer.draws, 1);
}

TEST(SelfCheck, TheLastStepIsJudgedToo) {
  ScriptedWriter writer({"Well. So 3+4=8.", "Well. So 3+4=7."});
  ClaimJudge judge;
  EXPECT_EQ(self_check(writer, judge, {.max_new_tokens = 60, .budget = 1000}).text, "Well. So 3+4=7.");
}

// What never comes right ends within the budget, and says what it is worth.
TEST(SelfCheck, TheBudgetIsKept) {
  for (int64_t budget = 140; budget < 900; budget += 7) {
    ScriptedWriter writer({kWrong});
    ClaimJudge judge;
    const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 60, .budget = budget, .tries = 2});
    EXPECT_LE(c.sampled + c.read, budget);
    EXPECT_TRUE(c.ended) << "it is never cut off for want of budget: " << budget;
    EXPECT_EQ(c.text, kWrong);
    ASSERT_EQ(c.steps.size(), 3u);
    EXPECT_EQ(c.steps[1].value, 0);
    EXPECT_GT(c.dropped.size(), 0u);
  }
  ScriptedWriter writer({kWrong, kRight});
  ClaimJudge judge;
  const SelfChecked none = self_check(writer, judge, {.max_new_tokens = 60, .budget = 139});
  EXPECT_EQ(none.text, kWrong) << "too little to go back with";
  EXPECT_EQ(none.read, 0);
  EXPECT_EQ(none.steps[1].value, 0) << "judging is free all the same";
}

TEST(SelfCheck, AStubbornStepTakesTheOneBefore) {
  // after two tries at step 1, step 0 is written anew
  ScriptedWriter writer({kWrong, kWrong, "Let me see. So 3+4=7. It is 7."});
  ClaimJudge judge;
  const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 60, .budget = 2000, .tries = 2});
  EXPECT_EQ(writer.kept_at, (std::vector<std::string>{"", "Take it. ", ""}));
  EXPECT_EQ(c.text, "Let me see. So 3+4=7. It is 7.");
  EXPECT_EQ(c.dropped.size(), 2u);
}

TEST(SelfCheck, TheLimitOfTokensCutsOff) {
  ScriptedWriter writer({kRight});
  ClaimJudge judge;
  const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 12, .budget = 1000});
  EXPECT_FALSE(c.ended);
  EXPECT_EQ(c.ids.size(), 12u);
}

// Grades: one question a phrasing a step, read and counted.
TEST(SelfCheck, GradesCostWhatTheyRead) {
  ScriptedWriter writer({kWrong, kWrong, kRight});  // it stops at each step
  Grader grader;
  grader.render = [](const std::string& question) { return std::vector<TokenId>(question.begin(), question.end()); };
  grader.encode = [](const std::string& text) { return std::vector<TokenId>(text.begin(), text.end()); };
  int64_t read = 0;
  grader.score = [&](const std::vector<GradeQuestion>& questions) {
    std::vector<std::vector<double>> out;
    for (const GradeQuestion& q : questions) {
      const std::string text(q.context.begin(), q.context.end());
      read += static_cast<int64_t>(text.size());
      const bool wrong = text.find("Next step: So 3+4=8") != std::string::npos;
      const bool asks_right = text.find("step right?") != std::string::npos;
      out.push_back(wrong == asks_right ? std::vector<double>{-3, 0} : std::vector<double>{0, -3});
    }
    return out;
  };
  GradeJudge judge("3 + 4?", grader, {2, 0}, 0.5);
  const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 60, .budget = 5000});
  EXPECT_EQ(c.text, kRight);
  ASSERT_EQ(c.dropped.size(), 1u);
  EXPECT_NEAR(c.dropped[0].value, 1 / (1 + std::exp(1.5)), 1e-12);
  EXPECT_GT(read, 0);
  int64_t again = 0;  // what is kept, once more at each stop
  for (size_t i = 1; i < writer.kept_at.size(); i++) again += 10 + static_cast<int64_t>(writer.kept_at[i].size());
  EXPECT_EQ(c.read, read + again);
}

// Agreement: most continuations say 7; behind the wrong step they say 8.
TEST(SelfCheck, AgreementNeedsNoReference) {
  ScriptedWriter writer({kWrong, kWrong, kRight});  // it stops at each step
  int asked = 0;
  const auto go_on = [&](const std::vector<TokenId>& ids, int count, int64_t, uint32_t draw) {
    EXPECT_EQ(draw, static_cast<uint32_t>(asked++));
    const std::string text(ids.begin(), ids.end());
    AgreementJudge::Continued out{{}, 5 * count, 10 + static_cast<int64_t>(ids.size())};
    for (int i = 0; i < count; i++)
      out.texts.push_back(text.find("=8") != std::string::npos ? "8" : i == 0 ? "9" : "7");
    return out;
  };
  AgreementJudge judge(go_on, [](const std::string& c) { return c.substr(c.find_last_of("789"), 1); }, 4, 60);
  const SelfChecked c = self_check(writer, judge, {.max_new_tokens = 60, .budget = 2000});
  EXPECT_EQ(c.text, kRight);
  ASSERT_EQ(c.dropped.size(), 1u);
  EXPECT_EQ(c.dropped[0].text, "So 3+4=8. ");
  ASSERT_EQ(c.steps.size(), 3u);
  EXPECT_EQ(c.steps[0].value, 0.75);
  EXPECT_EQ(c.steps[1].value, 0.75);
  EXPECT_EQ(c.steps[2].value, 1) << "its own answer is the one agreed on";
  EXPECT_EQ(asked, 4) << "the prompt, step 0, the wrong step, the right step";
  EXPECT_GT(c.sampled, 4 * 20);
}

}  // namespace
}  // namespace r1
