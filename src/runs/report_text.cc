// The report's short form: for a terminal, and for machines a line a stage.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "runs/plot.h"
#include "runs/report.h"
#include "runs/report_bounds.h"
#include "runs/report_folder.h"
#include "runs/view.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// One line, at most `width` characters.
std::string short_text(const std::string& text, size_t width) {
  std::string out;
  size_t columns = 0;
  for (const char c : text) {
    if ((c & 0xC0) != 0x80 && ++columns > width) return out;
    out += c == '\n' || c == '\t' ? ' ' : c;
  }
  return out;
}

// `text` padded with blanks to `width` characters.
std::string cell(const std::string& text, size_t width) {
  const std::string cut = short_text(text, width);
  const auto characters = std::count_if(cut.begin(), cut.end(), [](char c) { return (c & 0xC0) != 0x80; });
  return cut + std::string(width - static_cast<size_t>(characters), ' ');
}

// duration_text of what a file may say.
std::string time_text(double seconds) { return duration_text(std::clamp(seconds, 0.0, 1e9)); }

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::optional<std::pair<double, double>> interval_of(const Json& eval) {
  const auto found = eval.find("ci95");
  if (found == eval.end() || !found->is_array() || found->size() != 2 || !(*found)[0].is_number() ||
      !(*found)[1].is_number())
    return std::nullopt;
  return std::pair{(*found)[0].get<double>(), (*found)[1].get<double>()};
}

std::string accuracy_text(const Json& eval) {
  const double accuracy = report_number(eval, "accuracy", -1);
  if (accuracy < 0) return "-";
  std::string out = fmt::format("{:>7}", percent(accuracy));
  if (const auto interval = interval_of(eval))
    out += fmt::format("  ({:.1f} to {:.1f}", 100 * interval->first, 100 * interval->second);
  else
    return out;
  const double rows = report_number(eval, "rows", -1);
  return out + (rows >= 0 ? fmt::format(", n = {:.0f})", rows) : ")");
}

std::string share_text(const Json& eval, const char* key) {
  const double value = report_number(eval, key, -1);
  return value < 0 ? "-" : fmt::format("{:.2f}", value);
}

// Widths of the first two columns: of the longest entry, within reason.
struct Widths {
  size_t name = 16, kind = 10;
};
Widths widths_of(const RunReport& run) {
  const auto characters = [](const std::string& text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  Widths w;
  for (const ReportStage& stage : run.stages) {
    w.name = std::min<size_t>(32, std::max(w.name, characters(stage.name)));
    w.kind = std::min<size_t>(20, std::max(w.kind, characters(report_string(stage.facts, "kind"))));
  }
  return w;
}

std::string stage_line(const ReportStage& stage, const Widths& widths) {
  static const Json kNone = Json::object();
  const Json* found = report_object(stage.facts, "eval");
  const Json& eval = found != nullptr ? *found : kNone;
  const Json* general = report_object(eval, "general");
  const double seconds = report_number(stage.facts, "seconds", -1), length = report_number(eval, "mean_length", -1);
  const std::string status = report_string(stage.facts, "status");
  return fmt::format("{}  {}  {:<7}  {}  {:>6}  {:>8}  {:>7}{}\n", cell(stage.name, widths.name),
                     cell(report_string(stage.facts, "kind"), widths.kind), seconds < 0 ? "-" : time_text(seconds),
                     cell(accuracy_text(eval), 35), length < 0 ? "-" : fmt::format("{:.1f}", length),
                     share_text(eval, "language_consistency"),
                     general == nullptr ? "-" : percent(report_number(*general, "accuracy", 0)),
                     status.empty() || status == "done" ? "" : "  " + short_text(status, 20));
}

// "r1 preferred to dev3 on 312 general questions: 61.2 % (55.8 to 66.5; 150 won, 82 alike)"; empty where none was
// asked.
std::string preferred_line(const ReportStage& stage) {
  const Json* eval = report_object(stage.facts, "eval");
  const Json* preference = eval == nullptr ? nullptr : report_object(*eval, "preference");
  if (preference == nullptr || report_number(*eval, "win_rate", -1) < 0) return "";
  const auto ci = eval->find("win_rate_ci95");
  const bool has_interval =
      ci != eval->end() && ci->is_array() && ci->size() == 2 && (*ci)[0].is_number() && (*ci)[1].is_number();
  return fmt::format(
      "{} preferred to {} on {:.0f} general questions: {} ({}{:.0f} won, {:.0f} alike)\n", short_text(stage.name, 40),
      short_text(report_string(*preference, "against"), 40), report_number(*preference, "rows", 0),
      percent(report_number(*eval, "win_rate", 0)),
      has_interval ? fmt::format("{:.1f} to {:.1f}; ", 100 * (*ci)[0].get<double>(), 100 * (*ci)[1].get<double>()) : "",
      report_number(*preference, "wins", 0), report_number(*preference, "ties", 0));
}

// What is known of a step: "exact: right, value 0.25 (0.07 to 0.59)".
std::string step_note(const Json& step) {
  std::string out;
  const std::string exact = report_string(step, "exact");
  if (exact == "right" || exact == "wrong") out += "  exact: " + exact;
  const auto value = step.find("value"), ci = step.find("ci95");
  if (value != step.end() && value->is_number()) out += fmt::format("  value {:.2f}", value->get<double>());
  if (ci != step.end() && ci->is_array() && ci->size() == 2 && (*ci)[0].is_number() && (*ci)[1].is_number())
    out += fmt::format(" ({:.2f} to {:.2f})", (*ci)[0].get<double>(), (*ci)[1].get<double>());
  return out;
}

// The answer that a trace stage shows, a line a step, the first wrong one marked and what mends it under it.
std::string traced_answer(const ReportStage& stage) {
  constexpr size_t kWidth = 100, kMostSteps = 40;
  const Json& row = stage.answers[0];
  const Json *error = report_object(row, "first_error"), *repair = report_object(row, "repair");
  const double wrong = error == nullptr ? -1 : report_number(*error, "step", -1);
  std::string out = fmt::format("\na wrong answer, traced ({}): {}\n", short_text(stage.name, 40),
                                short_text(report_string(row, "prompt"), 300));
  const auto steps = row.find("steps");
  size_t i = 0;
  if (steps != row.end() && steps->is_array())
    for (const Json& step : *steps) {
      if (!step.is_object() || i == kMostSteps) break;
      const bool first = wrong == static_cast<double>(i);
      out += fmt::format("{} {:>2}  {}{}\n", first ? "x" : " ", i++, short_text(report_string(step, "text"), kWidth),
                         step_note(step));
      if (!first) continue;
      out += fmt::format("      first wrong step, says {} ({:.0f} % sure)\n",
                         short_text(report_string(*error, "by"), 20), 100 * report_number(*error, "confidence", 0));
    }
  out += fmt::format("  -> says {}, it is {}\n", short_text(report_string(row, "extracted"), 60),
                     short_text(report_string(row, "reference"), 60));
  if (wrong < 0) out += "  no first wrong step was found\n";
  if (repair != nullptr) out += "  repaired: " + short_text(report_string(*repair, "text"), 600) + "\n";
  if (wrong >= 0 && repair == nullptr) out += "  no repair was found\n";
  return out;
}

// The stage whose curves say most: of those with a reward the longest, else the longest.
const ReportStage* plotted_stage(const RunReport& run) {
  const ReportStage* best = nullptr;
  std::pair<bool, size_t> most{false, 1};
  for (const ReportStage& stage : run.stages) {
    const auto reward = stage.metrics.find("reward"), loss = stage.metrics.find("loss");
    const bool rewarded = reward != stage.metrics.end();
    const size_t n = rewarded                      ? reward->second.values.size()
                     : loss != stage.metrics.end() ? loss->second.values.size()
                                                   : 0;
    if (std::pair{rewarded, n} > most) {
      most = {rewarded, n};
      best = &stage;
    }
  }
  return best;
}

std::string plot_of(const ReportStage& stage, const char* key, const std::string& title) {
  const auto found = stage.metrics.find(key);
  if (found == stage.metrics.end() || found->second.values.size() < 2) return "";
  const std::vector<double>& values = found->second.values;
  const double low = *std::min_element(values.begin(), values.end());
  const double high = *std::max_element(values.begin(), values.end());
  return "\n" + line_plot(values, {.height = 6,
                                   .low = std::min(low, 0.0),
                                   .high = high > std::min(low, 0.0) ? high : 1,
                                   .title = fmt::format("{} while {} ran", title, short_text(stage.name, 40)),
                                   .x_label = fmt::format("step {:.0f} to {:.0f}", found->second.steps.front(),
                                                          found->second.steps.back())});
}

std::string head_of(const RunReport& run) {
  double seconds = report_number(run.facts, "seconds", 0);
  if (seconds == 0)
    for (const ReportStage& stage : run.stages) seconds += std::max(0.0, report_number(stage.facts, "seconds", 0));
  std::string out = fmt::format("{}: {} stage{} in {}", short_text(run.name, 60), run.stages.size(),
                                run.stages.size() == 1 ? "" : "s", time_text(seconds));
  if (const auto seed = run.facts.find("seed"); seed != run.facts.end() && seed->is_number())
    out += ", seed " + seed->dump();
  return out + "\n";
}

}  // namespace

std::string report_text(const std::string& dir) { return text_of_report(read_report(dir), dir); }

std::string text_of_report(const RunReport& run, const std::string& dir) {
  std::string out = head_of(run);
  const Widths widths = widths_of(run);
  out += fmt::format("\n{}  {}  time     correct on held-out items (95 %)     tokens  language  general\n",
                     cell("stage", widths.name), cell("kind", widths.kind));
  for (const ReportStage& stage : run.stages) out += stage_line(stage, widths);
  for (const ReportStage& stage : run.stages) out += preferred_line(stage);
  for (const ReportStage& stage : run.stages)
    if (report_string(stage.facts, "kind") == "trace" && !stage.answers.empty()) out += traced_answer(stage);
  if (const ReportStage* stage = plotted_stage(run)) {
    const bool rewarded = stage->metrics.contains("reward");
    out += plot_of(*stage, rewarded ? "reward" : "loss", rewarded ? "reward" : "loss");
    out += rewarded ? plot_of(*stage, "completions/mean_length", "tokens an answer")
                    : plot_of(*stage, "entropy", "entropy");
  }
  out += "\n";
  if (const std::string digest = report_string(run.facts, "digest"); !digest.empty())
    out += "digest  " + short_text(digest, 80) + "\n";
  for (const std::string& note : run.notes) out += "note    " + short_text(note, 200) + "\n";
  return out + "report  " + shown_text((std::filesystem::path(dir) / "report.html").string(), 4096) + "\n";
}

std::vector<std::string> report_lines(const std::string& dir) {
  const RunReport run = read_report(dir);
  std::vector<std::string> out;
  const auto push = [&](const Json& line) { out.push_back(line.dump(-1, ' ', false, Json::error_handler_t::replace)); };
  for (const ReportStage& stage : run.stages) {
    Json line = {{"stage", stage.name}};
    for (const auto& [key, value] : stage.facts.items())
      if (key != "name") line[key] = value;
    push(line);
  }
  Json whole = {{"report", (std::filesystem::path(dir) / "report.html").string()}, {"name", run.name}};
  for (const auto& [key, value] : run.facts.items()) whole[key] = value;
  whole["notes"] = run.notes;
  push(whole);
  return out;
}

}  // namespace r1
