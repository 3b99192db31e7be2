// One verdict out of several opinions, benchmarks' files and scores, self-grades, repairs.
#include "trace/verdict.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "trace/process_bench.h"
#include "trace/self_grade.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

TEST(OneVerdict, ExactBeatsMonteCarloBeatsSelf) {
  const Opinion exact = exact_opinion({Truth::none, Truth::right, Truth::wrong, Truth::wrong});
  ASSERT_TRUE(exact.first);
  EXPECT_EQ(exact.first->step, 2u);
  const Opinion monte_carlo{"monte_carlo", true, FirstError{1, 0.9}};
  const Opinion self = self_opinion({{0.9, 0.8, 0.3}, 0});
  EXPECT_EQ(self.first->step, 2u);
  EXPECT_DOUBLE_EQ(self.first->confidence, 0.7);
  OneVerdict v = one_verdict({exact, monte_carlo, self});
  EXPECT_EQ(v.first->step, 2u);
  EXPECT_EQ(v.first->by, "exact");
  EXPECT_EQ(v.first->confidence, 1);
  ASSERT_EQ(v.against.size(), 1u) << "who says otherwise is named";
  EXPECT_EQ(v.against[0].by, "monte_carlo");
  v = one_verdict({exact_opinion({Truth::none, Truth::right}), monte_carlo, self});
  EXPECT_EQ(v.first->by, "monte_carlo") << "exact truth says nothing where a step claims nothing";
  EXPECT_EQ(v.against[0].by, "self");
  v = one_verdict({exact_opinion({Truth::right, Truth::right}), monte_carlo});
  EXPECT_FALSE(v.first) << "all steps are right";
  EXPECT_EQ(v.against.size(), 1u);
  EXPECT_FALSE(one_verdict({exact_opinion({}), self_opinion({})}).first);
}

Json process_row(int label) {
  return {{"id", "gsm8k-0"},
          {"generator", "g"},
          {"problem", "p"},
          {"steps", {"a", "b", "c"}},
          {"final_answer_correct", false},
          {"label", label}};
}

TEST(ProcessBench, Rows) {
  const LabelledSolution s = read_process_bench(process_row(1));
  EXPECT_EQ(s.steps, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(s.label, 1);
  EXPECT_EQ(s.final_answer_correct, false);
  EXPECT_EQ(read_process_bench(process_row(-1)).label, -1);
  EXPECT_THROW(read_process_bench(process_row(3)), Error);
  EXPECT_THROW(read_process_bench(process_row(-2)), Error);
  EXPECT_THROW(read_process_bench({{"problem", "p"}, {"steps", Json::array()}, {"label", -1}}), Error);
  EXPECT_THROW(read_process_bench({{"problem", "p"}, {"steps", {1}}, {"label", -1}}), Error);
  EXPECT_THROW(read_process_bench({{"problem", "p"}}), Error);
}

Json step_of(std::vector<std::pair<const char*, int>> alternatives, Json chosen) {
  Json completions = Json::array();
  for (const auto& [text, rating] : alternatives)
    completions.push_back({{"text", text}, {"rating", rating}, {"flagged", false}});
  return {{"completions", completions}, {"human_completion", nullptr}, {"chosen_completion", std::move(chosen)}};
}
Json prm_row(Json steps, const char* reason) {
  return {{"question", {{"problem", "p"}, {"ground_truth_answer", "5"}}},
          {"label", {{"steps", std::move(steps)}, {"finish_reason", reason}}}};
}

TEST(ProcessBench, Prm800k) {
  const Json wrong = prm_row(
      {step_of({{"a", 1}, {"x", -1}}, 0), step_of({{"b", 0}}, nullptr), step_of({{"c", -1}}, nullptr)}, "found_error");
  EXPECT_TRUE(is_prm800k(wrong));
  EXPECT_FALSE(is_prm800k(process_row(1)));
  const auto s = read_prm800k(wrong);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->steps, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(s->label, 2) << "a neutral step is none";
  EXPECT_EQ(s->answer, "5");
  const auto right = read_prm800k(prm_row({step_of({{"a", 1}}, 0)}, "solution"));
  EXPECT_EQ(right->label, -1);
  EXPECT_EQ(right->final_answer_correct, true);
  EXPECT_FALSE(read_prm800k(prm_row({}, "bad_problem")));
  EXPECT_FALSE(read_prm800k(prm_row({step_of({{"a", 1}}, 0)}, "give_up")));
  EXPECT_THROW(read_prm800k(prm_row({step_of({{"a", 1}}, 4)}, "solution")), Error);
  EXPECT_THROW(read_prm800k(prm_row({step_of({{"a", 7}}, 0)}, "solution")), Error);
}

TEST(ProcessBench, TheScoreIsAHarmonicMean) {
  // two of three wrong ones found, one of two right ones cleared
  const LocateScore s =
      score_located({{0, 0, 0.9, 10}, {2, 2, 0.9, 10}, {1, 2, 0.9, 10}, {-1, -1, 0.5, 0}, {-1, 3, 0.5, 20}});
  EXPECT_DOUBLE_EQ(s.acc_error, 2.0 / 3);
  EXPECT_DOUBLE_EQ(s.acc_correct, 0.5);
  EXPECT_DOUBLE_EQ(s.f1, 2 * (2.0 / 3) * 0.5 / (2.0 / 3 + 0.5));
  EXPECT_DOUBLE_EQ(s.tokens_per_trace, 10);
  EXPECT_EQ(s.n, 5);
  // |2.7 - 2| and |1.0 - 1| of five
  EXPECT_NEAR(s.ece, 0.14, 1e-12);
  EXPECT_EQ(score_located({{0, -1, 1, 0}, {-1, -1, 1, 0}}).f1, 0) << "always \"none\" is worth nothing";
  EXPECT_EQ(score_located({}).n, 0);
}

TEST(ProcessBench, BinsOfOneWidthAndOfOneSize) {
  const std::vector<std::pair<double, bool>> items = {{0.1, false}, {0.15, true}, {0.9, true}, {1.0, false}};
  EXPECT_NEAR(calibration_error(items, 2, false), (std::abs(0.25 - 1) + std::abs(1.9 - 1)) / 4, 1e-12);
  EXPECT_NEAR(calibration_error(items, 4, true), (0.1 + 0.85 + 0.1 + 1.0) / 4, 1e-12);
  EXPECT_EQ(calibration_error({}, 10, false), 0);
}

// Over-confident by a factor of three, and one unit of log-odds too gloomy: graded at 3 (x - 1), right with those of x.
TEST(SelfGrade, TheScaleIsFound) {
  std::vector<std::pair<double, bool>> logits;
  for (const double x : {-2.0, -1.0, -0.5, 0.5, 1.0, 2.0}) {
    const double p = 1 / (1 + std::exp(-x));
    constexpr int kItems = 1000;
    for (int i = 0; i < kItems; i++) logits.push_back({3 * (x - 1), i < static_cast<int>(std::lround(p * kItems))});
  }
  const GradeScale scale = fit_scale(logits);
  EXPECT_NEAR(scale.temperature, 3, 0.01);
  EXPECT_NEAR(scale.offset, 1, 0.01);
  EXPECT_EQ(fit_scale({}).temperature, 1);
  EXPECT_GT(fit_scale({{1, false}, {2, false}, {-1, true}, {-2, true}}).temperature, 100) << "upside down: no news";
  const GradeScale sure = fit_scale({{50, true}, {60, true}, {-40, false}});
  EXPECT_TRUE(std::isfinite(sure.temperature) && std::isfinite(sure.offset));
}

TEST(SelfGrade, TheThresholdIsTuned) {
  // wrong steps are graded 0.6 and below, right ones 0.7 and above
  const std::vector<GradedThought> thoughts = {
      {{{0.9, 0.6}, 0}, 1}, {{{0.55, 0.9}, 0}, 0}, {{{0.7, 0.8}, 0}, -1}, {{{0.75}, 0}, -1}};
  const double threshold = fit_threshold(thoughts);
  EXPECT_GT(threshold, 0.6);
  EXPECT_LE(threshold, 0.7);
  EXPECT_EQ(self_opinion(thoughts[0].grades, threshold).first->step, 1u);
  EXPECT_EQ(fit_threshold({}), 0.5);
}

// A model that says yes to everything with 3 more of log-odds than it means: the two phrasings cancel that.
TEST(SelfGrade, TwoPhrasingsOfOppositeSense) {
  int asked = 0;
  Grader grader;
  grader.render = [](const std::string& q) {
    return std::vector<TokenId>(1, q.find("error") == std::string::npos ? 1 : 2);
  };
  grader.encode = [](const std::string& t) { return std::vector<TokenId>{t == "yes" ? 7 : 8}; };
  grader.score = [&](const std::vector<GradeQuestion>& questions) {
    std::vector<std::vector<double>> out;
    for (const GradeQuestion& q : questions) {
      asked++;
      out.push_back({3.0 + (q.context[0] == 1 ? 1.0 : -1.0), 0.0});
    }
    return out;
  };
  const GradeLogits g = grade_logits("p", {"a. ", "b."}, grader);
  EXPECT_EQ(asked, 4);
  ASSERT_EQ(g.right.size(), 2u);
  EXPECT_DOUBLE_EQ(g.right[0], 1);
  EXPECT_EQ(g.tokens, 4);
  EXPECT_NEAR(grades_of(g, {2, 0}).right[1], 1 / (1 + std::exp(-0.5)), 1e-12);
  const GradeLogits last = grade_logits("p", {"a. ", "b."}, grader, 1);
  EXPECT_EQ(last.right, std::vector<double>{g.right[1]}) << "of one step alone";
  EXPECT_NE(grade_questions("p", {"a. ", "b."}, 1).first.find("Solution so far: a.\nNext step: b."), std::string::npos);
}

TEST(ProcessBench, KindsOfErrorsAndBins) {
  const LocateScore s = score_located({{0, 0, 1, 0, true}, {1, 0, 1, 0, true}, {1, 1, 1, 0}, {-1, -1, 1, 0}});
  EXPECT_DOUBLE_EQ(s.acc_injected, 0.5);
  EXPECT_DOUBLE_EQ(s.acc_natural, 1);
  const auto bins = reliability_bins({{0.05, false}, {0.15, true}, {0.1, false}, {1.0, true}}, 10);
  ASSERT_EQ(bins.size(), 3u);
  EXPECT_EQ(bins[1].n, 2);
  EXPECT_DOUBLE_EQ(bins[1].graded, 0.125);
  EXPECT_DOUBLE_EQ(bins[1].right, 0.5);
  EXPECT_EQ(bins[2].n, 1) << "1 belongs to the last";
}

class OneTry : public PrefixSampler {
 public:
  std::vector<PrefixDraws> draw(std::span<const PrefixRequest> requests) override {
    PrefixDraws d{0, requests[0].count, 5, {}};
    tries += requests[0].count;
    if (tries >= 6) d.best = "First 3 + 4. So 7. The answer is 7.";
    return {d};
  }
  int tries = 0;
};

TEST(Repairs, GoOnFromTheStepBeforeTheError) {
  Thought t;
  t.completion = "First 3 + 4. So 8. The answer is 8.";
  t.steps = split_steps(t.completion);
  ASSERT_EQ(t.steps.size(), 3u);
  OneTry sampler;
  const Repair r = repair_thought(sampler, t, 1, {}, 16, 3);
  EXPECT_TRUE(r.right);
  EXPECT_EQ(r.right_step, "So 7. ");
  EXPECT_EQ(r.rest, "The answer is 7.");
  EXPECT_EQ(sampler.tries, 6);
  EXPECT_EQ(r.tokens, 10);
  OneTry again;
  EXPECT_FALSE(repair_thought(again, t, 1, {}, 5, 3).right);
  EXPECT_EQ(again.tries, 5);
  EXPECT_TRUE(repair_thought(again, t, 1, {.right = 1, .counted = 4, .best = "First 3 + 4. So 7."}, 0, 1).right)
      << "a right continuation that is known costs nothing";
}

}  // namespace
}  // namespace r1
