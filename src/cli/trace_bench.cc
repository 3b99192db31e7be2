// `r1 trace bench`: how well exact checks, Monte Carlo and the model's own grades find the first wrong step.
#include <algorithm>
#include <iostream>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "cli/json_lines.h"
#include "cli/trace_bench.h"
#include "data/sources.h"
#include "runs/plot.h"
#include "runs/view.h"
#include "trace/process_bench.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kBins = 10;

struct Scored {
  std::vector<Located> exact, claims, claimed, monte_carlo, exhaustive, self, verdict;
  std::vector<std::pair<double, bool>> grades;  // a step: scaled, and whether it is right
  std::vector<std::pair<double, bool>> grades_before;
  GradeScale scale;
  double threshold = 0.5;
  int64_t rollouts = 0, exhaustive_rollouts = 0;  // exhaustive: run or reckoned
  int64_t undecided = 0;
};

Located located(const BenchItem& item, const std::optional<FirstError>& first, double sure_of_none, int64_t tokens) {
  return {item.label, first ? static_cast<int64_t>(first->step) : -1, first ? first->confidence : sure_of_none, tokens,
          item.injected};
}

// What is known of an item's steps: right before the label, wrong at it, nothing behind it.
void gather_grades(const BenchItem& item, const std::vector<double>& values,
                   std::vector<std::pair<double, bool>>& out) {
  for (size_t i = 0; i < values.size(); i++) {
    const auto step = static_cast<int64_t>(i);
    if (item.label >= 0 && step > item.label) break;
    out.push_back({values[i], step != item.label});
  }
}

// Two halves: scale and threshold of each are fitted on the other.
std::vector<Opinion> calibrated(const std::vector<BenchItem>& items, const std::vector<GradeLogits>& logits,
                                Scored& out) {
  std::vector<Opinion> opinions(items.size());
  for (size_t half = 0; half < 2; half++) {
    std::vector<std::pair<double, bool>> fit;
    std::vector<GradedThought> thoughts;
    for (size_t i = 1 - half; i < items.size(); i += 2) gather_grades(items[i], logits[i].right, fit);
    out.scale = fit_scale(fit);
    for (size_t i = 1 - half; i < items.size(); i += 2)
      thoughts.push_back({grades_of(logits[i], out.scale), items[i].label});
    out.threshold = fit_threshold(thoughts);
    for (size_t i = half; i < items.size(); i += 2) {
      const SelfGrades grades = grades_of(logits[i], out.scale);
      gather_grades(items[i], grades.right, out.grades);
      gather_grades(items[i], grades_of(logits[i], {}).right, out.grades_before);
      opinions[i] = self_opinion(grades, out.threshold);
      const double least = grades.right.empty() ? 0.5 : *std::min_element(grades.right.begin(), grades.right.end());
      out.self.push_back(located(items[i], opinions[i].first, least, grades.tokens));
    }
  }
  return opinions;
}

void score_exact(const BenchItem& item, const TraceSession& session, Scored& out) {
  out.exact.push_back(located(item, exact_opinion(session.exact(item.thought)).first, 1, 0));
  const Opinion claims = exact_opinion(claim_truths(item.thought.texts()));
  out.claims.push_back(located(item, claims.first, 1, 0));
  if (item.claims) out.claimed.push_back(out.claims.back());
}

MonteCarloTrace score_monte_carlo(const BenchItem& item, const TraceKeys& keys, TraceSession& session, Scored& out) {
  const MonteCarloTrace t = session.monte_carlo(item.thought, *item.ends_right, false, keys.monte_carlo());
  out.monte_carlo.push_back(located(item, t.first, t.decided ? 1 : 0.5, t.tokens));
  out.rollouts += t.rollouts;
  out.undecided += !t.decided;
  if (*item.ends_right) {
    if (keys.exhaustive) out.exhaustive.push_back(located(item, {}, 1, 0));
    return t;
  }
  out.exhaustive_rollouts += static_cast<int64_t>(item.thought.steps.size()) * keys.exhaustive_rollouts;
  if (!keys.exhaustive) return t;
  const MonteCarloTrace all = session.monte_carlo(item.thought, false, true, keys.monte_carlo());
  out.exhaustive.push_back(located(item, all.first, all.decided ? 1 : 0.5, all.tokens));
  return t;
}

Scored score_all(const TraceKeys& keys, const std::vector<BenchItem>& items, TraceSession& session) {
  Scored out;
  const bool asks = session.has_model(), grades_asked = asks && keys.uses("self");
  std::vector<GradeLogits> logits;
  std::vector<std::vector<Opinion>> opinions(items.size());
  ProgressBar bar("trace bench", static_cast<int64_t>(items.size()));
  std::vector<int64_t> tokens(items.size());
  for (size_t i = 0; i < items.size(); i++) {
    if (interrupted()) fail("interrupted");
    const BenchItem& item = items[i];
    if (keys.uses("exact")) {
      opinions[i].push_back(exact_opinion(session.exact(item.thought)));
      score_exact(item, session, out);
    }
    if (asks && item.thought.row.contains("answer") && item.ends_right && keys.uses("monte_carlo")) {
      const MonteCarloTrace t = score_monte_carlo(item, keys, session, out);
      tokens[i] += t.tokens;
      opinions[i].push_back(monte_carlo_opinion(t));
    }
    if (grades_asked) logits.push_back(session.self_logits(item.thought));
    bar.update(static_cast<int64_t>(i) + 1);
  }
  if (grades_asked) {
    const std::vector<Opinion> self = calibrated(items, logits, out);
    for (size_t i = 0; i < items.size(); i++) {
      opinions[i].push_back(self[i]);
      tokens[i] += logits[i].tokens;
    }
  }
  for (size_t i = 0; i < items.size(); i++) {
    const OneVerdict one = one_verdict(opinions[i]);
    const std::optional<FirstError> first =
        one.first ? std::optional(FirstError{one.first->step, one.first->confidence}) : std::nullopt;
    out.verdict.push_back(located(items[i], first, 1, tokens[i]));
  }
  return out;
}

Json reliability(const std::vector<std::pair<double, bool>>& grades) {
  Json out = Json::array();
  for (const ReliabilityBin& b : reliability_bins(grades, kBins))
    out.push_back({{"graded", b.graded}, {"right", b.right}, {"n", b.n}});
  return out;
}

Json line_of(const char* method, const std::vector<Located>& items) {
  const LocateScore s = score_located(items);
  return {{"method", method},
          {"f1", s.f1},
          {"acc_error", s.acc_error},
          {"acc_correct", s.acc_correct},
          {"ece", s.ece},
          {"tokens_per_trace", s.tokens_per_trace},
          {"n", s.n},
          {"n_error", s.num_error},
          {"ece_adaptive", s.ece_adaptive},
          {"acc_error_natural", s.acc_natural},
          {"acc_error_injected", s.acc_injected}};
}

std::vector<Json> lines_of(const Scored& s) {
  std::vector<Json> out;
  if (!s.exact.empty()) out.push_back(line_of("exact", s.exact));
  if (!s.claims.empty()) out.push_back(line_of("claims", s.claims));
  if (!s.claimed.empty()) out.push_back(line_of("claims_where_claimed", s.claimed));
  if (!s.monte_carlo.empty()) {
    out.push_back(line_of("monte_carlo", s.monte_carlo));
    out.back()["rollouts"] = s.rollouts;
    out.back()["rollouts_exhaustive"] = s.exhaustive_rollouts;
    if (s.exhaustive_rollouts > 0)
      out.back()["rollouts_share"] = static_cast<double>(s.rollouts) / static_cast<double>(s.exhaustive_rollouts);
    out.back()["undecided"] = s.undecided;
  }
  if (!s.exhaustive.empty()) {
    out.push_back(line_of("monte_carlo_exhaustive", s.exhaustive));
    out.back()["rollouts"] = s.exhaustive_rollouts;
  }
  if (!s.self.empty()) {
    out.push_back(line_of("self", s.self));
    Json& line = out.back();  // grades are of steps: so is their calibration
    line["ece"] = calibration_error(s.grades, kBins, false);
    line["ece_adaptive"] = calibration_error(s.grades, kBins, true);
    line["ece_before"] = calibration_error(s.grades_before, kBins, false);
    line["temperature"] = s.scale.temperature;
    line["offset"] = s.scale.offset;
    line["threshold"] = s.threshold;
    line["reliability"] = reliability(s.grades);
    line["reliability_before"] = reliability(s.grades_before);
  }
  out.push_back(line_of("verdict", s.verdict));
  return out;
}

void write_plot(const std::string& path, const Scored& s) {
  if (s.grades.empty()) fail_usage("--plot: draws self-grades; the method self was not asked");
  std::vector<ReliabilityCurve> curves = {{"as they are", {}}, {"scaled", {}}};
  for (const ReliabilityBin& b : reliability_bins(s.grades_before, kBins))
    curves[0].points.push_back({b.graded, b.right, b.n});
  for (const ReliabilityBin& b : reliability_bins(s.grades, kBins))
    curves[1].points.push_back({b.graded, b.right, b.n});
  for (size_t i = 0; i < 2; i++)
    curves[i].label +=
        fmt::format(", ECE {:.3f}", calibration_error(i == 0 ? s.grades_before : s.grades, kBins, false));
  replace_file(path, reliability_svg("Self-grades of steps", curves));
}

}  // namespace

int run_trace_bench(const TraceKeys& keys, const TraceBenchFlags& flags) {
  constexpr int64_t kRows = 1000;
  if (flags.limit < 0) fail_usage("--limit {}: expected at least 0", flags.limit);
  const bool made = keys.data.data.empty() || is_generated(keys.data.data);
  if (made && keys.model.empty())
    fail_usage("trace bench: its items are the model's thoughts; give --model, or --data FILE");
  TraceSession session(keys, keys.data.data.empty() ? "tasks:arithmetic" : keys.data.data);
  const std::vector<BenchItem> items = made ? items_of_task(keys, flags.limit > 0 ? flags.limit : kRows, session)
                                            : items_of_file(keys, flags.limit, session);
  if (items.empty())
    fail("trace bench: no items; with a task, the model's thoughts must follow it at least now and then");
  const Scored scored = score_all(keys, items, session);
  if (!flags.plot.empty()) write_plot(flags.plot, scored);
  for (const Json& line : lines_of(scored)) {
    if (flags.json) {
      print_json_line(line);
      continue;
    }
    std::cout << fmt::format(
        "{:<24} F1 {:5.1f} %  wrong {:5.1f} %  right {:5.1f} %  ECE {:.3f}  {:.0f} tokens  n = {} ({} wrong)\n",
        line["method"].get<std::string>(), 100 * line["f1"].get<double>(), 100 * line["acc_error"].get<double>(),
        100 * line["acc_correct"].get<double>(), line["ece"].get<double>(), line["tokens_per_trace"].get<double>(),
        line["n"].get<int64_t>(), line["n_error"].get<int64_t>());
  }
  return 0;
}

}  // namespace r1
