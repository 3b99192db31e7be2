// `r1 trace bench --self-check`: what watching one's steps gains, against answering once (pass@1) and against the
// majority of as many answers as cost no less (cons@k at equal tokens).
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/interrupt.h"
#include "cli/json_lines.h"
#include "cli/trace_bench.h"
#include "data/question.h"
#include "runs/view.h"
#include "train/evaluate.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct Watched {
  std::vector<double> right;  // a row: 0 or 1
  int64_t sampled = 0, read = 0, backtracks = 0, went_back = 0;
};

Watched answer_rows(const TraceKeys& keys, const std::vector<DataRow>& rows, TraceSession& session) {
  Watched out;
  SelfCheckRunner runner(session.model(), session.prompts(), session.shared_tokenizer(), keys.watch);
  ProgressBar bar("self-check", static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); i++) {
    const Prompt prompt = session.prompts().build(rows[i]);
    const auto index = static_cast<int64_t>(i);
    const SelfChecked c = runner.answer({prompt.ids, question_text(rows[i]), prompt.prefilled, index}, keys.sampling());
    const Thought thought = session.thought_of(rows[i], c.text, index);
    out.right.push_back(session.judge(thought).outcome == Outcome::correct ? 1 : 0);
    out.sampled += c.sampled;
    out.read += c.read;
    out.backtracks += static_cast<int64_t>(c.dropped.size());
    out.went_back += !c.dropped.empty();
    bar.update(index + 1);
  }
  return out;
}

// Rows whose majority of the first k answers is right, 0 or 1 each; and the tokens of a row.
struct Majority {
  std::vector<double> right;
  double tokens = 0;
};
Majority majority_of(const std::vector<EvalItem>& items, int64_t k) {
  Majority out;
  for (const EvalItem& item : items) {
    EvalItem first = item;
    first.verdicts.resize(static_cast<size_t>(k));
    first.completions.resize(static_cast<size_t>(k));
    out.right.push_back(summarise({first}).cons_at_k);
    for (const Completion& c : first.completions) out.tokens += static_cast<double>(c.ids.size());
  }
  out.tokens /= static_cast<double>(items.size());
  return out;
}

double mean_of(const std::vector<double>& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

Json line_of(const std::string& method, double accuracy, const Interval& ci, double tokens, size_t n) {
  return {
      {"method", method}, {"accuracy", accuracy}, {"ci95", {ci.low, ci.high}}, {"tokens_per_answer", tokens}, {"n", n}};
}

// The mean of paired differences, with the 95 % interval of its normal approximation.
Json gain_of(const std::vector<double>& a, const std::vector<double>& b) {
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(a.size());
  const double mean = mean_of(a) - mean_of(b);
  double squares = 0;
  for (size_t i = 0; i < a.size(); i++) squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
  const double half = n > 1 ? kZ * std::sqrt(squares / (n - 1) / n) : 1;
  return {{"mean", mean}, {"ci95", {mean - half, mean + half}}};
}

std::vector<Json> lines_of(const TraceKeys& keys, const std::vector<EvalItem>& items, const Watched& watched,
                           int64_t samples) {
  const size_t n = items.size();
  const EvalResult all = summarise(items);
  std::vector<Json> out;
  out.push_back(line_of("pass@1", all.pass_at_1, {all.ci_low, all.ci_high}, all.mean_length, n));
  const double tokens = static_cast<double>(watched.sampled + watched.read) / static_cast<double>(n);
  std::vector<double> once;
  for (const EvalItem& item : items) once.push_back(summarise({item}).pass_at_1);
  // the fewest answers that cost at least as much
  Majority equal;
  int64_t k = 1;
  for (;; k++) {
    equal = majority_of(items, k);
    const double hits = mean_of(equal.right) * static_cast<double>(n);
    out.push_back(line_of(fmt::format("cons@{}", k), mean_of(equal.right),
                          wilson_interval(hits, static_cast<double>(n)), equal.tokens, n));
    if (equal.tokens >= tokens || k == samples) break;
  }
  const double hits = mean_of(watched.right) * static_cast<double>(n);
  Json line = line_of("self_check_" + keys.watch.judge, mean_of(watched.right),
                      wilson_interval(hits, static_cast<double>(n)), tokens, n);
  line["tokens_sampled"] = static_cast<double>(watched.sampled) / static_cast<double>(n);
  line["tokens_read"] = static_cast<double>(watched.read) / static_cast<double>(n);
  line["backtracks"] = watched.backtracks;
  line["went_back"] = watched.went_back;
  line["gain_over_pass@1"] = gain_of(watched.right, once);
  line["equal_tokens"] = equal.tokens >= tokens ? Json(fmt::format("cons@{}", k)) : Json();
  line["gain_over_cons"] = gain_of(watched.right, equal.right);
  out.push_back(std::move(line));
  return out;
}

}  // namespace

int run_self_check_bench(const TraceKeys& keys, const TraceBenchFlags& flags) {
  constexpr int64_t kRows = 200, kMost = 1024;
  if (flags.limit < 0) fail_usage("--limit {}: expected at least 0", flags.limit);
  if (flags.n < 1 || flags.n > kMost) fail_usage("--n {}: expected 1 to {}", flags.n, kMost);
  if (keys.model.empty()) fail_usage("trace bench --self-check: answers are a model's; give --model");
  keys.watch.check();
  if (keys.data.data.empty()) fail_usage("trace bench --self-check: give --data with questions and answers");
  TraceSession session(keys, keys.data.data);
  std::vector<DataRow> rows = keys.data.load_prompts(true, "r1 trace bench --self-check").rows;
  const auto most = static_cast<size_t>(flags.limit > 0 ? flags.limit : kRows);
  if (rows.size() > most) rows.resize(most);
  if (rows.empty()) fail("trace bench --self-check: {} has no rows", keys.data.data);
  EvalOptions options;
  options.samples = static_cast<int>(flags.n);
  options.sampling = keys.sampling();
  const std::vector<EvalItem> items =
      evaluate(session.sampler(), session.prompts(), rows, session.reward(), options, nullptr);
  if (interrupted()) fail("interrupted");
  for (const Json& line : lines_of(keys, items, answer_rows(keys, rows, session), flags.n)) {
    if (flags.json) {
      print_json_line(line);
      continue;
    }
    std::cout << fmt::format("{:<20} {:5.1f} %  (95 %: {:.1f} to {:.1f})  {:.0f} tokens an answer  n = {}\n",
                             line["method"].get<std::string>(), 100 * line["accuracy"].get<double>(),
                             100 * line["ci95"][0].get<double>(), 100 * line["ci95"][1].get<double>(),
                             line["tokens_per_answer"].get<double>(), line["n"].get<int64_t>());
    if (!line.contains("gain_over_cons")) continue;
    std::cout << fmt::format("  went back in {} of {}; over pass@1 {:+.1f}, over the majority {:+.1f} points\n",
                             line["went_back"].get<int64_t>(), line["n"].get<int64_t>(),
                             100 * line["gain_over_pass@1"]["mean"].get<double>(),
                             100 * line["gain_over_cons"]["mean"].get<double>());
  }
  return 0;
}

}  // namespace r1
