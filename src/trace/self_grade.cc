#include "trace/self_grade.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/thinking.h"

namespace r1 {
namespace {

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double log_sigmoid(double x) { return x >= 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x)); }

}  // namespace

std::pair<std::string, std::string> grade_questions(const std::string& problem, const std::vector<std::string>& steps,
                                                    size_t step) {
  std::string before;
  for (size_t i = 0; i < step; i++) before += steps[i];
  const std::string shown =
      fmt::format("Question: {}\nSolution so far: {}\nNext step: {}\n", problem, trim(before), trim(steps[step]));
  return {shown + "Is the next step right? Answer yes or no.",
          shown + "Is there an error in the next step? Answer yes or no."};
}

GradeLogits grade_logits(const std::string& problem, const std::vector<std::string>& steps, const Grader& grader) {
  const std::vector<std::vector<TokenId>> answers = {grader.encode("yes"), grader.encode("no")};
  std::vector<GradeQuestion> questions;
  for (size_t i = 0; i < steps.size(); i++) {
    const auto [right, wrong] = grade_questions(problem, steps, i);
    questions.push_back({grader.render(right), answers});
    questions.push_back({grader.render(wrong), answers});
  }
  GradeLogits out;
  const std::vector<std::vector<double>> scores = grader.score(questions);
  R1_CHECK(scores.size() == questions.size());
  for (size_t i = 0; i < steps.size(); i++) {
    const std::vector<double>&a = scores[2 * i], &b = scores[2 * i + 1];
    out.right.push_back(((a[0] - a[1]) + (b[1] - b[0])) / 2);
  }
  for (const GradeQuestion& q : questions) out.tokens += static_cast<int64_t>(q.context.size());
  return out;
}

SelfGrades grades_of(const GradeLogits& logits, double temperature) {
  SelfGrades out;
  out.tokens = logits.tokens;
  for (double x : logits.right) out.right.push_back(sigmoid(x / temperature));
  return out;
}

double fit_temperature(const std::vector<std::pair<double, bool>>& logits) {
  if (logits.size() < 2) return 1;
  const auto loss = [&](double log_temperature) {
    double sum = 0;
    for (const auto& [logit, right] : logits) sum -= log_sigmoid((right ? logit : -logit) * std::exp(-log_temperature));
    return sum;
  };
  constexpr double kGolden = 0.6180339887498949;
  constexpr int kSteps = 60;
  double low = -5, high = 5;
  for (int i = 0; i < kSteps; i++) {
    const double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
    loss(a) < loss(b) ? high = b : low = a;
  }
  return std::exp((low + high) / 2);
}

}  // namespace r1
