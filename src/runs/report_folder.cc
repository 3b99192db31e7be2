#include "runs/report_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/checked_json.h"
#include "runs/report_bounds.h"
#include "runs/report_rows.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kMostFileBytes = 256u << 20, kMostStages = 64, kMostSeries = 200, kMostPoints = 200'000;

bool regular(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// A file that may be missing: its text, or nothing and a note.
std::string text_of(const fs::path& path, uint64_t most, std::vector<std::string>& notes) {
  if (!regular(path)) return "";
  try {
    return read_text_file(path.string(), most);
  } catch (const Error& e) {
    notes.push_back(shown_text(e.what(), 500));
    return "";
  }
}

Json object_of(const fs::path& path, std::vector<std::string>& notes) {
  const std::string text = text_of(path, 16 << 20, notes);
  if (text.empty()) return Json::object();
  try {
    const nlohmann::json parsed = parse_checked_json(text, path.filename().string());
    if (parsed.is_object()) return bounded_json(parsed, {.text = 4000, .items = 500, .keys = 200});
    notes.push_back(path.filename().string() + " is no JSON object");
  } catch (const Error& e) {
    notes.push_back(shown_text(e.what(), 500));
  }
  return Json::object();
}

void note_counts(const std::string& name, const LineCounts& counts, std::vector<std::string>& notes) {
  if (counts.damaged > 0)
    notes.push_back(fmt::format("{}: {} damaged line{} left out", name, counts.damaged, counts.damaged > 1 ? "s" : ""));
  if (counts.cut) notes.push_back(fmt::format("{}: only the first {} MB are read", name, kMostFileBytes >> 20));
}

void add_point(ReportSeries& series, double step, double value) {
  if (series.values.size() >= kMostPoints || !std::isfinite(value)) return;
  series.steps.push_back(step);
  series.values.push_back(value);
}

// Numbers of each line by name; an interval [low, high] becomes NAME/low and NAME/high.
void read_metrics(const fs::path& path, const std::string& name, ReportStage& stage, std::vector<std::string>& notes) {
  double line_number = 0;
  const auto series_of = [&](const std::string& key) -> ReportSeries* {
    const auto found = stage.metrics.find(key);
    if (found != stage.metrics.end()) return &found->second;
    return stage.metrics.size() < kMostSeries ? &stage.metrics[key] : nullptr;
  };
  const LineCounts counts = for_each_object(path.string(), kMostFileBytes, [&](const nlohmann::json& line) {
    line_number++;
    const double step = line.value("step", nlohmann::json()).is_number() ? line["step"].get<double>() : line_number;
    for (const auto& [key, value] : line.items()) {
      if (key == "step") continue;
      const std::string shown = shown_text(key, 100);
      if (value.is_number()) {
        if (ReportSeries* series = series_of(shown)) add_point(*series, step, value.get<double>());
      } else if (value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number()) {
        if (ReportSeries* low = series_of(shown + "/low")) add_point(*low, step, value[0].get<double>());
        if (ReportSeries* high = series_of(shown + "/high")) add_point(*high, step, value[1].get<double>());
      }
    }
  });
  note_counts(name + "/metrics.jsonl", counts, notes);
}

// What the audit before step 0 and the hack radar had to say against a run.
void note_trust(const fs::path& folder, const ReportStage& stage, std::vector<std::string>& notes) {
  const Json audit = object_of(folder / "audit.json", notes);
  std::string failed;
  const auto checks = audit.find("checks");
  if (checks != audit.end() && checks->is_array())
    for (const Json& check : *checks) {
      const std::string name = report_string(check, "name");
      if (report_string(check, "status") == "failed") failed += (failed.empty() ? "" : ", ") + name;
      if (const std::string detail = report_string(check, "detail"); detail.starts_with("not checked: "))
        notes.push_back(fmt::format("{}: audit: {}: {}", stage.name, name, detail));
    }
  if (audit.value("enforced", Json()) == false)
    notes.push_back(fmt::format("{}: --no-audit: {}", stage.name,
                                failed.empty() ? "the audit before step 0 would have passed"
                                               : "it was started although its audit failed: " + failed));
  const auto alarms = stage.metrics.find("radar/alarm");
  if (alarms == stage.metrics.end()) return;
  const std::vector<double>& given = alarms->second.values;
  const auto first = std::find_if(given.begin(), given.end(), [](double alarm) { return alarm > 0; });
  if (first == given.end()) return;
  notes.push_back(
      fmt::format("{}: hack radar: {} alarms, the first at step {:g}: the reward rose and a stricter checker's "
                  "score did not",
                  stage.name, std::count_if(first, given.end(), [](double alarm) { return alarm > 0; }),
                  alarms->second.steps[static_cast<size_t>(first - given.begin())]));
}

void read_stage_files(const fs::path& folder, ReportStage& stage, std::vector<std::string>& notes) {
  const std::string& name = stage.name;
  stage.recipe = shown_text(text_of(folder / "recipe.toml", 1 << 20, notes), 60'000);
  read_metrics(folder / "metrics.jsonl", name, stage, notes);
  const auto read = [&](const char* file, auto reader) {
    note_counts(name + "/" + file, reader((folder / file).string(), kMostFileBytes, stage), notes);
  };
  read("samples.jsonl", read_samples);
  read("watched.jsonl", read_watched);
  read("answers.jsonl", read_answers);
  note_trust(folder, stage, notes);
  const Json own = object_of(folder / "summary.json", notes);
  for (const char* key : {"rejected", "reasons", "counts", "dropped"})
    if (const Json* counts = report_object(own, key); counts != nullptr && stage.rejected.empty())
      stage.rejected = *counts;
  if (!stage.rejected.empty()) return;
  for (const auto& [key, value] : own.items())
    if (value.is_number()) stage.rejected[key] = value;
}

double last_of(const ReportStage& stage, const char* key, double otherwise) {
  const auto found = stage.metrics.find(key);
  return found == stage.metrics.end() || found->second.values.empty() ? otherwise : found->second.values.back();
}

// What summary.json would say, from the metrics alone: of a folder of `r1 sft` or `r1 grpo`, or of an unfinished stage.
void fill_facts(ReportStage& stage) {
  Json& f = stage.facts;
  if (!f.contains("kind") && !stage.metrics.empty()) f["kind"] = stage.metrics.contains("reward") ? "grpo" : "sft";
  if (!f.contains("seconds"))
    if (const auto time = stage.metrics.find("step_time"); time != stage.metrics.end()) {
      double sum = 0;
      for (const double x : time->second.values) sum += x;
      f["seconds"] = sum;
    }
  if (!f.contains("tokens") && last_of(stage, "num_tokens", -1) >= 0) f["tokens"] = last_of(stage, "num_tokens", 0);
  if (!f.contains("eval") && last_of(stage, "eval_accuracy", -1) >= 0) {
    Json eval = {{"accuracy", last_of(stage, "eval_accuracy", 0)}};
    if (stage.metrics.contains("eval_ci95/low"))
      eval["ci95"] = {last_of(stage, "eval_ci95/low", 0), last_of(stage, "eval_ci95/high", 1)};
    if (stage.metrics.contains("eval_rows")) eval["rows"] = last_of(stage, "eval_rows", 0);
    if (stage.metrics.contains("eval_completions/mean_length"))
      eval["mean_length"] = last_of(stage, "eval_completions/mean_length", 0);
    f["eval"] = std::move(eval);
  }
}

// A folder's name and nothing that leads elsewhere.
bool plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name.size() < 200;
}

void add_stage(const fs::path& folder, const std::string& name, Json facts, RunReport& out) {
  if (out.stages.size() >= kMostStages) return;
  ReportStage stage;
  stage.name = shown_text(name, 200);
  stage.facts = std::move(facts);
  std::error_code error;
  if (!folder.empty() && fs::is_directory(folder, error))
    read_stage_files(folder, stage, out.notes);
  else if (report_string(stage.facts, "status") != "skipped")
    out.notes.push_back(fmt::format("stage {}: its folder is not here", stage.name));
  fill_facts(stage);
  out.stages.push_back(std::move(stage));
}

// Stages that the summary does not name, such as one that was cut off; the older ones first.
std::vector<fs::path> other_stages(const fs::path& dir, const std::set<std::string>& named) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator it(dir / "stages", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (named.contains(name) || name.starts_with(".") || !it->is_directory(error)) continue;
    const fs::path mark = regular(it->path() / "recipe.toml") ? it->path() / "recipe.toml" : it->path();
    found.emplace_back(fs::last_write_time(mark, error), it->path());
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> out;
  for (auto& [time, path] : found) out.push_back(std::move(path));
  return out;
}

void read_stages(const fs::path& dir, const Json& summary, RunReport& out) {
  std::set<std::string> named;
  const auto list = summary.find("stages");
  if (list != summary.end() && list->is_array()) {
    for (const Json& facts : *list) {
      const std::string name = facts.is_object() ? report_string(facts, "name") : "";
      if (name.empty()) {
        out.notes.push_back("summary.json: a stage without a name is left out");
        continue;
      }
      named.insert(name);
      add_stage(plain_name(name) ? dir / "stages" / name : fs::path(), name, facts, out);
    }
    if (list->size() > kMostStages)
      out.notes.push_back(fmt::format("{} stages; the first {} are shown", list->size(), kMostStages));
  }
  for (const fs::path& folder : other_stages(dir, named))
    add_stage(folder, folder.filename().string(), Json{{"status", "unfinished"}}, out);
}

std::string folder_name(const fs::path& dir) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(dir, error);
  return shown_text((error ? dir : whole).filename().string(), 200);
}

}  // namespace

const Json* report_object(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_object() ? &*found : nullptr;
}
double report_number(const Json& object, const char* key, double otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}
std::string report_string(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

RunReport read_report(const std::string& dir_name) {
  const fs::path dir(dir_name);
  std::error_code error;
  if (!fs::is_directory(dir, error))
    fail("{}: no such folder; expected the folder of `r1 run`, `r1 grpo` or `r1 sft`", dir_name);
  RunReport out;
  out.name = folder_name(dir);
  out.facts = Json::object();
  const bool has_stages = fs::is_directory(dir / "stages", error);
  const bool single = !has_stages && !regular(dir / "summary.json");
  if (single && !regular(dir / "metrics.jsonl"))
    fail("{}: holds no run: expected summary.json, stages/ or metrics.jsonl, as `r1 run`, `r1 grpo` and `r1 sft` write",
         dir_name);
  if (single) {
    add_stage(dir, out.name, Json::object(), out);
    return out;
  }
  if (!regular(dir / "summary.json")) out.notes.push_back("summary.json is not here: no held-out results, no digest");
  const Json summary = object_of(dir / "summary.json", out.notes);
  if (const std::string recipe = report_string(summary, "recipe"); !recipe.empty())
    out.name = fs::path(recipe).stem().string();
  for (const auto& [key, value] : summary.items())
    if (key != "stages") out.facts[key] = value;
  read_stages(dir, summary, out);
  return out;
}

}  // namespace r1
