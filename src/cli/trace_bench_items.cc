// Items of `r1 trace bench`: solutions with their first wrong steps.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/philox.h"
#include "cli/trace_bench.h"
#include "data/arithmetic.h"
#include "data/records.h"
#include "data/sources.h"
#include "data/tasks/claims.h"
#include "trace/process_bench.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

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
    const bool blank = s.steps[i].ends_with(' ') || s.steps[i].ends_with('\n');  // as the model wrote it
    text += s.steps[i] + (i + 1 < s.steps.size() && !blank ? "\n\n" : "");
    steps.push_back({from, text.size()});
  }
  BenchItem out{session.thought_of(row, text, index), s.label, s.final_answer_correct};
  out.thought.steps = std::move(steps);
  return out;
}

}  // namespace

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

namespace {

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

bool says_number(const std::string& step) { return step.find_first_of("0123456789") != std::string::npos; }

// By the row's own checker; a step before the error that says numbers which it cannot judge leaves the label open.
std::optional<int64_t> checked_label(const Thought& t, bool right, const TraceSession& session) {
  std::vector<Truth> truths = session.checked(t);
  if (truths.empty()) truths = session.exact(t);
  for (size_t i = 0; i < truths.size(); i++) {
    if (truths[i] == Truth::wrong) return right ? std::nullopt : std::optional(static_cast<int64_t>(i));
    if (!right && truths[i] == Truth::none && says_number(t.text_of(i))) return std::nullopt;
  }
  return right ? std::optional<int64_t>(-1) : std::nullopt;
}

// The label of a thought that the model wrote: -1, the first wrong step, or nothing certain.
std::optional<int64_t> natural_label(const Thought& t, bool right, const TraceSession& session) {
  if (t.steps.empty()) return std::nullopt;
  if (const auto item = arithmetic_of(t.row)) {
    const auto departure = first_departure(t, *item);
    return departure && (*departure < 0) == right ? departure : std::nullopt;
  }
  return checked_label(t, right, session);
}

// By another reader of equations than the one under test.
bool has_claim(const Thought& t, int64_t label) {
  if (label >= 0) return tasks::check_equations(t.text_of(static_cast<size_t>(label))) == tasks::StepVerdict::wrong;
  for (const std::string& step : t.texts())
    if (tasks::check_equations(step) == tasks::StepVerdict::right) return true;
  return false;
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
  BenchItem out{session.thought_of(row, text, right.index), static_cast<int64_t>(step), false, true};
  if (out.thought.steps.size() <= step || session.judge(out.thought).outcome != Outcome::wrong) return std::nullopt;
  return out;
}

}  // namespace

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
      out.push_back({std::move(thoughts[i]), *label, right, false});
    else
      unclear++;
  }
  for (BenchItem& item : out) item.claims = has_claim(item.thought, item.label);
  std::cerr << fmt::format("{} items; {} thoughts have no certain label and are left out\n", out.size(), unclear);
  return out;
}

}  // namespace r1
