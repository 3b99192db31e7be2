// `r1 trace bench`: how well exact checks, Monte Carlo and the model's own grades find the first wrong step. Items come
// from files of ProcessBench or PRM800K, or are made from a generated task: the model's own thoughts, right ones and
// wrong ones, and right ones with one step falsified behind which the model goes on to a wrong answer.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/philox.h"
#include "cli/json_lines.h"
#include "cli/trace_files.h"
#include "data/arithmetic.h"
#include "data/records.h"
#include "data/sources.h"
#include "runs/view.h"
#include "trace/process_bench.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct BenchItem {
  Thought thought;
  int64_t label = -1;
  std::optional<bool> ends_right;  // nullopt: unknown
};

// ---- files

std::string bytes_of(const std::string& path) {
  constexpr uint64_t kMost = 4ull << 30;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("{}: cannot read; expected a file of ProcessBench or PRM800K (JSON lines)", path);
  const std::string packed((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return unpacked(packed, path, kMost);
}

BenchItem item_of(const LabelledSolution& s, int64_t index, const TraceSession& session) {
  DataRow row;
  row.prompt = s.problem;
  row.row = {{"question", s.problem}};
  if (!s.answer.empty()) row.row["answer"] = s.answer;
  std::string text;
  std::vector<Step> steps;
  for (size_t i = 0; i < s.steps.size(); i++) {
    const size_t from = text.size();
    text += s.steps[i] + (i + 1 < s.steps.size() ? "\n\n" : "");
    steps.push_back({from, text.size()});
  }
  BenchItem out{session.thought_of(row, text, index), s.label, s.final_answer_correct};
  out.thought.steps = std::move(steps);
  return out;
}

std::vector<BenchItem> items_of_file(const TraceKeys& keys, int64_t limit, const TraceSession& session) {
  std::vector<BenchItem> out;
  const std::string& path = keys.data.data;
  int64_t passed = 0;
  RecordSink sink;
  sink.bad = [&](const RecordPlace& place, const std::string& reason) {
    fail("{}: {}", place_text(path, place), reason);
  };
  sink.record = [&](const RecordPlace&, Json row) {
    if (limit > 0 && static_cast<int64_t>(out.size()) >= limit) return;
    std::optional<LabelledSolution> s = is_prm800k(row) ? read_prm800k(row) : read_process_bench(row);
    if (s)
      out.push_back(item_of(*s, static_cast<int64_t>(out.size()), session));
    else
      passed++;
  };
  read_records(bytes_of(path), path, "train", sink);
  if (passed > 0)
    std::cerr << fmt::format("{}: {} rows are no solutions (given up, bad problems) and left out\n", path, passed);
  return out;
}

// ---- items made here

std::optional<ArithmeticItem> arithmetic_of(const Json& row) {
  if (!row.contains("expression") || !row["expression"].is_string()) return std::nullopt;
  ArithmeticItem item;
  std::istringstream words(row["expression"].get<std::string>());
  for (std::string word; words >> word;) {
    if (item.operands.size() > item.operators.size())
      item.operators += word;
    else
      item.operands.push_back(std::stoll(word));
  }
  return item;
}

// Where a thought leaves the way of working that it follows; its wording is the one it shares most with. nullopt: it
// follows none.
std::optional<int64_t> first_departure(const Thought& t, const ArithmeticItem& item) {
  const std::vector<std::string> steps = t.texts();
  std::optional<int64_t> out;
  size_t most = 0;
  for (uint64_t style = 0; style < kWorkedStyles; style++) {
    const std::string right =
        fmt::format("<think>{}</think><answer>{}</answer>", work_out(item, style), value_of(item));
    size_t bytes = 0, same = 0;
    while (bytes < std::min(right.size(), t.completion.size()) && right[bytes] == t.completion[bytes]) bytes++;
    while (same < steps.size() && t.steps[same].to <= bytes) same++;
    if (bytes <= most) continue;
    most = bytes;
    out = right == t.completion ? -1 : static_cast<int64_t>(std::min(same, steps.size() - 1));
  }
  // "<think>" alone is nobody's wording
  constexpr size_t kFewest = 9;
  return most >= kFewest ? out : std::nullopt;
}

// The label of a thought that the model wrote: -1, the first wrong step, or nothing certain.
std::optional<int64_t> natural_label(const Thought& t, bool right, const TraceSession& session) {
  if (t.steps.empty()) return std::nullopt;
  if (const auto item = arithmetic_of(t.row)) {
    const auto departure = first_departure(t, *item);
    return departure && (*departure < 0) == right ? departure : std::nullopt;
  }
  const Opinion exact = exact_opinion(session.exact(t));
  if (right) return exact.first ? std::nullopt : std::optional<int64_t>(-1);
  return exact.first ? std::optional<int64_t>(static_cast<int64_t>(exact.first->step)) : std::nullopt;
}

// A step with its last number changed; nullopt: it has none.
std::optional<std::string> falsified(const std::string& step, const RandomPlace& place) {
  const size_t end = step.find_last_of("0123456789");
  if (end == std::string::npos) return std::nullopt;
  size_t begin = end;
  while (begin > 0 && step[begin - 1] >= '0' && step[begin - 1] <= '9') begin--;
  constexpr size_t kMostFigures = 15;
  if (end + 1 - begin > kMostFigures) return std::nullopt;
  const int64_t value = std::stoll(step.substr(begin, end + 1 - begin));
  const auto change = static_cast<int64_t>(random_below(place, 9, 1)) + 1;
  const bool down = value >= change && random_below(place, 2, 2) == 0;
  return step.substr(0, begin) + std::to_string(down ? value - change : value + change) + step.substr(end + 1);
}

// A right thought with a false step, and what the model makes of it; nullopt when it comes to a right answer again.
std::optional<BenchItem> injected(const Thought& right, const DataRow& row, TraceSession& session, uint64_t seed) {
  const RandomPlace place{.seed = seed, .stage = Stage::task, .step = 1, .prompt = static_cast<uint32_t>(right.index)};
  if (right.steps.size() < 2) return std::nullopt;
  const size_t step = random_below(place, right.steps.size() - 1, 0);  // never the answer's
  const auto wrong = falsified(right.text_of(step), place);
  if (!wrong) return std::nullopt;
  constexpr uint32_t kDraw = 1 << 20;  // of the sampler's steps: apart from those of the traces
  const std::string text = session.continued(right, right.completion.substr(0, right.steps[step].from) + *wrong, kDraw);
  BenchItem out{session.thought_of(row, text, right.index), static_cast<int64_t>(step), false};
  if (out.thought.steps.size() <= step || session.judge(out.thought).outcome != Outcome::wrong) return std::nullopt;
  return out;
}

std::vector<BenchItem> items_of_task(const TraceKeys& keys, int64_t limit, TraceSession& session) {
  TraceKeys all = keys;
  if (all.data.data.empty()) all.data.data = "tasks:arithmetic?digits=2";
  std::vector<DataRow> rows = all.data.load_prompts(true, "r1 trace bench").rows;
  if (rows.size() > static_cast<size_t>(limit)) rows.resize(static_cast<size_t>(limit));
  std::vector<BenchItem> out;
  std::vector<Thought> thoughts = session.thoughts(rows);
  int64_t unclear = 0;
  for (size_t i = 0; i < rows.size(); i++) {
    if (interrupted()) fail("interrupted");
    const Outcome outcome = session.judge(thoughts[i]).outcome;
    const bool right = outcome == Outcome::correct;
    const auto label = natural_label(thoughts[i], right, session);
    if (label && *label < 0)
      if (auto wrong = injected(thoughts[i], rows[i], session, static_cast<uint64_t>(keys.seed)))
        out.push_back(std::move(*wrong));
    if (label)
      out.push_back({std::move(thoughts[i]), *label, right});
    else
      unclear++;
  }
  std::cerr << fmt::format("{} items; {} thoughts have no certain label and are left out\n", out.size(), unclear);
  return out;
}

// ---- methods

struct Scored {
  std::vector<Located> exact, monte_carlo, exhaustive, self, verdict;
  std::vector<std::pair<double, bool>> grades;  // a step: before and after the temperature, and whether it is right
  std::vector<std::pair<double, bool>> grades_before;
  double temperature = 1;
  int64_t rollouts = 0, exhaustive_rollouts = 0;
};

Located located(const BenchItem& item, const std::optional<FirstError>& first, double sure_of_none, int64_t tokens) {
  return {item.label, first ? static_cast<int64_t>(first->step) : -1, first ? first->confidence : sure_of_none, tokens};
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

// Two halves: the temperature of each is fitted on the other.
std::vector<SelfGrades> calibrated(const std::vector<BenchItem>& items, const std::vector<GradeLogits>& logits,
                                   Scored& out) {
  std::vector<SelfGrades> grades(items.size());
  for (size_t half = 0; half < 2; half++) {
    std::vector<std::pair<double, bool>> fit;
    for (size_t i = 0; i < items.size(); i++)
      if (i % 2 != half) gather_grades(items[i], logits[i].right, fit);
    out.temperature = fit_temperature(fit);
    for (size_t i = half; i < items.size(); i += 2) {
      grades[i] = grades_of(logits[i], out.temperature);
      gather_grades(items[i], grades[i].right, out.grades);
      gather_grades(items[i], grades_of(logits[i], 1).right, out.grades_before);
    }
  }
  return grades;
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
      out.exact.push_back(located(item, opinions[i].back().first, 1, 0));
    }
    const bool answered = item.thought.row.contains("answer") && item.ends_right;
    if (asks && answered && keys.uses("monte_carlo")) {
      const MonteCarloTrace t = session.monte_carlo(item.thought, *item.ends_right, false, keys.monte_carlo());
      out.monte_carlo.push_back(located(item, t.first, t.decided ? 1 : 0.5, t.tokens));
      out.rollouts += t.rollouts;
      tokens[i] += t.tokens;
      opinions[i].push_back(monte_carlo_opinion(t));
      if (keys.exhaustive && !*item.ends_right) {
        const MonteCarloTrace all = session.monte_carlo(item.thought, false, true, keys.monte_carlo());
        out.exhaustive.push_back(located(item, all.first, all.decided ? 1 : 0.5, all.tokens));
        out.exhaustive_rollouts += all.rollouts;
      } else if (keys.exhaustive) {
        out.exhaustive.push_back(located(item, {}, 1, 0));
      }
    }
    if (grades_asked) logits.push_back(session.self_logits(item.thought));
    bar.update(static_cast<int64_t>(i) + 1);
  }
  if (grades_asked) {
    const std::vector<SelfGrades> grades = calibrated(items, logits, out);
    for (size_t i = 0; i < items.size(); i++) {
      opinions[i].push_back(self_opinion(grades[i]));
      const double least =
          grades[i].right.empty() ? 0.5 : *std::min_element(grades[i].right.begin(), grades[i].right.end());
      out.self.push_back(located(items[i], opinions[i].back().first, least, grades[i].tokens));
      tokens[i] += grades[i].tokens;
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
  constexpr int kBins = 10;
  Json out = Json::array();
  for (int b = 0; b < kBins; b++) {
    double sum = 0, right = 0, n = 0;
    for (const auto& [p, is_right] : grades)
      if (std::min(static_cast<int>(p * kBins), kBins - 1) == b) sum += p, right += is_right, n++;
    if (n > 0) out.push_back({{"graded", sum / n}, {"right", right / n}, {"n", static_cast<int64_t>(n)}});
  }
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
          {"ece_adaptive", s.ece_adaptive}};
}

std::vector<Json> lines_of(const Scored& s) {
  constexpr int kBins = 10;
  std::vector<Json> out;
  if (!s.exact.empty()) out.push_back(line_of("exact", s.exact));
  if (!s.monte_carlo.empty()) {
    out.push_back(line_of("monte_carlo", s.monte_carlo));
    out.back()["rollouts"] = s.rollouts;
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
    line["temperature"] = s.temperature;
    line["reliability"] = reliability(s.grades);
  }
  if (out.size() > 1) out.push_back(line_of("verdict", s.verdict));
  return out;
}

}  // namespace

int run_trace_bench(const TraceKeys& keys, const TraceBenchFlags& flags) {
  constexpr int64_t kRows = 1000;
  if (flags.limit < 0) fail_usage("--limit {}: expected at least 0", flags.limit);
  const bool made = keys.data.data.empty() || is_generated(keys.data.data);
  if (made && keys.model.empty())
    fail_usage("trace bench: its items are the model's thoughts; give --model, or --data FILE");
  TraceSession session(keys, made && keys.data.data.empty() ? "tasks:arithmetic" : keys.data.data);
  const std::vector<BenchItem> items = made ? items_of_task(keys, flags.limit > 0 ? flags.limit : kRows, session)
                                            : items_of_file(keys, flags.limit, session);
  if (items.empty())
    fail("trace bench: no items; with a task, the model's thoughts must follow it at least now and then");
  for (const Json& line : lines_of(score_all(keys, items, session))) {
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
