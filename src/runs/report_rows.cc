#include "runs/report_rows.h"

#include <algorithm>
#include <map>
#include <utility>

#include "runs/report_change.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostWatched = 12, kMostSteps = 13, kMostChanges = 24, kMostSamples = 32, kMostAnswers = 24;
constexpr JsonBounds kRow{.text = 16'000, .items = 4'000, .keys = 40, .depth = 5};

// Of a stream of any length at most `most` rows, evenly spread: every k-th, with k doubled when it gets too much. The
// last one is always among them.
class Spread {
 public:
  explicit Spread(size_t most) : most_(most) {}
  void add(Json row) {
    last_kept_ = seen_++ % stride_ == 0;
    if (!last_kept_) {
      last_ = std::move(row);
      return;
    }
    rows_.push_back(std::move(row));
    if (rows_.size() < most_) return;
    last_ = rows_.back();
    const size_t before = rows_.size();
    for (size_t i = 1; 2 * i < before; i++) rows_[i] = std::move(rows_[2 * i]);
    rows_.resize((before + 1) / 2);
    last_kept_ = before % 2 == 1;
    stride_ *= 2;
  }
  std::vector<Json> take() {
    if (seen_ > 0 && !last_kept_) rows_.push_back(std::move(last_));
    return std::move(rows_);
  }

 private:
  size_t most_, seen_ = 0, stride_ = 1;
  std::vector<Json> rows_;
  Json last_;
  bool last_kept_ = true;
};

std::string string_of(const nlohmann::json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_string() ? found->get<std::string>() : "";
}

// Right ones first, then in the file's order; at most kMostChanges.
void keep_change(std::vector<Json>& changes, Json row) {
  const auto right = [](const Json& r) { return report_string(r, "outcome") == "correct"; };
  if (right(row))
    changes.insert(std::find_if_not(changes.begin(), changes.end(), right), std::move(row));
  else
    changes.push_back(std::move(row));
  if (changes.size() > kMostChanges) changes.pop_back();
}

// The same prompt sampled at three steps or more can be watched, where nothing better is there.
struct Prompts {
  std::map<std::string, Spread> by_prompt;
  std::map<std::string, size_t> steps;
  std::map<std::string, double> last_step;
  static constexpr size_t kMostPrompts = 500;

  void add(const std::string& prompt, double step, const Json& row) {
    if (by_prompt.size() >= kMostPrompts && !by_prompt.contains(prompt)) return;
    const auto last = last_step.find(prompt);
    if (last != last_step.end() && last->second == step) return;
    last_step[prompt] = step;
    steps[prompt]++;
    by_prompt.try_emplace(prompt, kMostSteps).first->second.add(row);
  }
  // Those with the most steps.
  std::vector<Json> take(size_t least) {
    std::vector<std::pair<size_t, std::string>> order;
    for (const auto& [prompt, n] : steps)
      if (n >= least) order.emplace_back(n, prompt);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    if (order.size() > kMostWatched) order.resize(kMostWatched);
    std::vector<Json> out;
    for (const auto& [n, prompt] : order)
      out.push_back({{"prompt", shown_text(prompt, kRow.text)}, {"at", by_prompt.at(prompt).take()}});
    return out;
  }
};

}  // namespace

LineCounts read_samples(const std::string& path, size_t most_bytes, ReportStage& stage) {
  Spread samples(kMostSamples);
  Prompts prompts;
  size_t changed = 0;
  const LineCounts counts = for_each_object(path, most_bytes, [&](const nlohmann::json& row) {
    Json shown = bounded_json(row, kRow);
    const std::string completion = string_of(row, "completion");
    prompts.add(string_of(row, "prompt"), report_number(shown, "step", 0), shown);
    if (const auto change = find_answer_change(completion)) {
      changed++;
      Json marked = shown;
      marked["change"] = {
          {"about", shown_text(change->about, 200)},
          {"before", shown_text(change->before, 200)},
          {"after", shown_text(change->after, 200)},
          {"word", shown_text(change->word, 40)},
          {"behind", shown_text(std::string_view(completion).substr(0, change->word_begin), kRow.text).size()}};
      keep_change(stage.changes, std::move(marked));
    }
    samples.add(std::move(shown));
  });
  stage.samples = samples.take();
  stage.watched = prompts.take(3);
  stage.seen["samples"] = counts.lines;
  stage.seen["changes"] = changed;
  return counts;
}

LineCounts read_watched(const std::string& path, size_t most_bytes, ReportStage& stage) {
  Prompts prompts;
  const LineCounts counts = for_each_object(path, most_bytes, [&](const nlohmann::json& row) {
    const Json shown = bounded_json(row, kRow);
    prompts.add(string_of(row, "prompt"), report_number(shown, "step", 0), shown);
  });
  if (counts.lines > 0) stage.watched = prompts.take(1);
  stage.seen["watched"] = counts.lines;
  return counts;
}

LineCounts read_answers(const std::string& path, size_t most_bytes, ReportStage& stage) {
  std::map<std::string, Spread> by_outcome;
  Json outcomes = Json::object();
  const LineCounts counts = for_each_object(path, most_bytes, [&](const nlohmann::json& row) {
    const std::string outcome = shown_text(string_of(row, "outcome"), 40);
    if (by_outcome.size() >= 8 && !by_outcome.contains(outcome)) return;
    outcomes[outcome] = report_number(outcomes, outcome.c_str(), 0) + 1;
    by_outcome.try_emplace(outcome, kMostAnswers).first->second.add(bounded_json(row, kRow));
  });
  std::vector<std::vector<Json>> kept;
  for (auto& [outcome, spread] : by_outcome) kept.push_back(spread.take());
  for (size_t i = 0; i <= kMostAnswers; i++)
    for (auto& rows : kept)
      if (i < rows.size()) stage.answers.push_back(std::move(rows[i]));
  stage.seen["answers"] = counts.lines;
  stage.seen["outcomes"] = std::move(outcomes);
  return counts;
}

}  // namespace r1
