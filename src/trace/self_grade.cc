#include "trace/self_grade.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/thinking.h"
#include "trace/process_bench.h"

namespace r1 {
namespace {

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

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

GradeLogits grade_logits(const std::string& problem, const std::vector<std::string>& steps, const Grader& grader,
                         size_t first) {
  const std::vector<std::vector<TokenId>> answers = {grader.encode("yes"), grader.encode("no")};
  std::vector<GradeQuestion> questions;
  for (size_t i = first; i < steps.size(); i++) {
    const auto [right, wrong] = grade_questions(problem, steps, i);
    questions.push_back({grader.render(right), answers});
    questions.push_back({grader.render(wrong), answers});
  }
  GradeLogits out;
  const std::vector<std::vector<double>> scores = grader.score(questions);
  R1_CHECK(scores.size() == questions.size());
  for (size_t i = 0; i < scores.size(); i += 2) {
    const std::vector<double>&a = scores[i], &b = scores[i + 1];
    out.right.push_back(((a[0] - a[1]) + (b[1] - b[0])) / 2);
  }
  for (const GradeQuestion& q : questions) out.tokens += static_cast<int64_t>(q.context.size());
  return out;
}

SelfGrades grades_of(const GradeLogits& logits, const GradeScale& scale) {
  SelfGrades out;
  out.tokens = logits.tokens;
  for (double x : logits.right) out.right.push_back(sigmoid(x / scale.temperature + scale.offset));
  return out;
}

GradeScale fit_scale(const std::vector<std::pair<double, bool>>& logits) {
  if (logits.size() < 2) return {};
  constexpr int kSteps = 50;
  constexpr double kRidge = 1e-3, kLeast = 1e-3;  // the ridge keeps what can be told apart for certain finite
  double slope = 1, offset = 0;
  for (int i = 0; i < kSteps; i++) {
    double g_slope = kRidge * slope, g_offset = kRidge * offset, h11 = kRidge, h12 = 0, h22 = kRidge;
    for (const auto& [x, right] : logits) {
      const double p = sigmoid(slope * x + offset), miss = p - (right ? 1 : 0), w = p * (1 - p);
      g_slope += miss * x, g_offset += miss;
      h11 += w * x * x, h12 += w * x, h22 += w;
    }
    const double det = h11 * h22 - h12 * h12;
    // a step's length is bounded: where all grades are certain the curvature is next to nothing
    const auto bounded = [](double step) { return std::clamp(step, -1.0, 1.0); };
    slope -= bounded((h22 * g_slope - h12 * g_offset) / det);
    offset -= bounded((h11 * g_offset - h12 * g_slope) / det);
    slope = std::max(slope, kLeast);
  }
  return {1 / slope, offset};
}

double fit_threshold(const std::vector<GradedThought>& thoughts) {
  constexpr int kPlaces = 100;
  double best = 0.5, most = 0;
  for (int k = 1; k < kPlaces; k++) {
    const double threshold = static_cast<double>(k) / kPlaces;
    std::vector<Located> items;
    for (const GradedThought& t : thoughts) {
      const Opinion o = self_opinion(t.grades, threshold);
      items.push_back({t.label, o.first ? static_cast<int64_t>(o.first->step) : -1});
    }
    const double f1 = score_located(items).f1;
    if (f1 > most || (f1 == most && f1 > 0 && std::abs(threshold - 0.5) < std::abs(best - 0.5)))
      most = f1, best = threshold;
  }
  return best;
}

}  // namespace r1
