#include "trace/process_bench.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kMostSteps = 10'000;

const Json& member(const Json& row, const char* key) {
  if (!row.is_object() || !row.contains(key)) fail("has no \"{}\"", key);
  return row[key];
}
std::string text_of(const Json& row, const char* key) {
  const Json& value = member(row, key);
  if (!value.is_string()) fail("\"{}\" is {}, expected a text", key, value.type_name());
  return value.get<std::string>();
}
std::string text_or(const Json& row, const char* key) {
  return row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : "";
}

const Json& list_of(const Json& row, const char* key) {
  const Json& value = member(row, key);
  if (!value.is_array() || value.size() > kMostSteps)
    fail("\"{}\" is {}, expected a list of at most {}", key, value.is_array() ? "longer" : value.type_name(),
         kMostSteps);
  return value;
}

}  // namespace

LabelledSolution read_process_bench(const Json& row) {
  LabelledSolution out;
  out.id = text_or(row, "id");
  out.generator = text_or(row, "generator");
  out.problem = text_of(row, "problem");
  out.answer = text_or(row, "answer");
  for (const Json& step : list_of(row, "steps")) {
    if (!step.is_string()) fail("\"steps\" holds {}, expected texts", step.type_name());
    out.steps.push_back(step.get<std::string>());
  }
  if (out.steps.empty()) fail("\"steps\" is empty");
  const Json& label = member(row, "label");
  const int64_t most = static_cast<int64_t>(out.steps.size()) - 1;
  if (!label.is_number_integer() || label.get<double>() < -1 || label.get<double>() > static_cast<double>(most))
    fail("\"label\" is {}, expected a whole number from -1 to {}", label.dump().substr(0, 40), most);
  out.label = label.get<int64_t>();
  if (row.contains("final_answer_correct") && row["final_answer_correct"].is_boolean())
    out.final_answer_correct = row["final_answer_correct"].get<bool>();
  return out;
}

bool is_prm800k(const Json& row) {
  return row.is_object() && row.contains("question") && row["question"].is_object() && row.contains("label") &&
         row["label"].is_object();
}

namespace {
// The chosen step of a list of alternatives; where none is, the only one, or the person's own.
const Json* chosen_step(const Json& step) {
  const Json& completions = step.contains("completions") ? step["completions"] : Json();
  if (step.contains("chosen_completion") && step["chosen_completion"].is_number_integer()) {
    const int64_t chosen = step["chosen_completion"].get<int64_t>();
    const size_t count = completions.is_array() ? completions.size() : 0;
    if (chosen < 0 || static_cast<size_t>(chosen) >= count)
      fail("\"chosen_completion\" is {} of {} completions", chosen, count);
    return &step["completions"][static_cast<size_t>(chosen)];
  }
  if (step.contains("human_completion") && step["human_completion"].is_object()) return &step["human_completion"];
  return completions.is_array() && completions.size() == 1 ? &step["completions"][0] : nullptr;
}
}  // namespace

std::optional<LabelledSolution> read_prm800k(const Json& row) {
  const Json& question = member(row, "question");
  const Json& label = member(row, "label");
  LabelledSolution out;
  out.problem = text_of(question, "problem");
  out.answer = text_or(question, "ground_truth_answer");
  out.generator = "prm800k";
  const std::string reason = text_or(label, "finish_reason");
  if (reason == "bad_problem" || reason == "give_up") return std::nullopt;
  for (const Json& step : list_of(label, "steps")) {
    if (!step.is_object()) fail("\"label.steps\" holds {}, expected objects", step.type_name());
    const Json* chosen = chosen_step(step);
    // the last step of a phase-2 row has no chosen one where all were wrong: any of them is the first error
    if (chosen == nullptr && step.contains("completions") && step["completions"].is_array())
      for (const Json& c : step["completions"])
        if (chosen == nullptr && c.is_object() && c.contains("rating") && c["rating"] == -1) chosen = &c;
    if (chosen == nullptr || !chosen->is_object()) return std::nullopt;
    out.steps.push_back(text_of(*chosen, "text"));
    const Json rating = chosen->contains("rating") ? (*chosen)["rating"] : Json();
    if (rating.is_null()) continue;  // a person's own step
    if (!rating.is_number_integer() || rating.get<double>() < -1 || rating.get<double>() > 1)
      fail("\"rating\" is {}, expected -1, 0 or 1", rating.dump().substr(0, 40));
    if (rating == -1) {
      out.label = static_cast<int64_t>(out.steps.size()) - 1;
      out.final_answer_correct = false;
      return out;
    }
  }
  if (out.steps.empty()) return std::nullopt;
  if (reason == "solution") out.final_answer_correct = true;
  return out;
}

double calibration_error(const std::vector<std::pair<double, bool>>& items, int bins, bool adaptive) {
  R1_CHECK(bins >= 1);
  if (items.empty()) return 0;
  std::vector<std::pair<double, bool>> sorted = items;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const size_t n = sorted.size(), count = static_cast<size_t>(bins);
  std::vector<double> sums(count), rights(count);
  for (size_t i = 0; i < n; i++) {
    const double scaled = std::floor(std::clamp(sorted[i].first, 0.0, 1.0) * bins);
    const size_t bin = adaptive ? i * count / n : std::min(static_cast<size_t>(scaled), count - 1);
    sums[bin] += sorted[i].first;
    rights[bin] += sorted[i].second;
  }
  double out = 0;
  for (size_t b = 0; b < count; b++) out += std::abs(sums[b] - rights[b]) / static_cast<double>(n);
  return out;
}

std::vector<ReliabilityBin> reliability_bins(const std::vector<std::pair<double, bool>>& items, int bins) {
  R1_CHECK(bins >= 1);
  std::vector<ReliabilityBin> all(static_cast<size_t>(bins)), out;
  for (const auto& [graded, right] : items) {
    const double scaled = std::floor(std::clamp(graded, 0.0, 1.0) * bins);
    ReliabilityBin& bin = all[std::min(static_cast<size_t>(scaled), all.size() - 1)];
    bin.graded += graded, bin.right += right, bin.n++;
  }
  for (ReliabilityBin& bin : all) {
    if (bin.n == 0) continue;
    const auto n = static_cast<double>(bin.n);
    out.push_back({bin.graded / n, bin.right / n, bin.n});
  }
  return out;
}

LocateScore score_located(const std::vector<Located>& items) {
  constexpr int kBins = 10;
  LocateScore out;
  std::vector<std::pair<double, bool>> confidences;
  double found = 0, cleared = 0, correct = 0, hits[2] = {}, errors[2] = {};  // the two: natural, injected
  for (const Located& item : items) {
    const bool hit = item.predicted == item.label;
    out.num_error += item.label >= 0;
    correct += item.label < 0;
    if (item.label >= 0) hits[item.injected] += hit, errors[item.injected]++;
    (item.label >= 0 ? found : cleared) += hit;
    out.tokens_per_trace += static_cast<double>(item.tokens);
    confidences.push_back({item.confidence, hit});
  }
  out.n = static_cast<int64_t>(items.size());
  if (out.n == 0) return out;
  if (out.num_error > 0) out.acc_error = found / static_cast<double>(out.num_error);
  if (correct > 0) out.acc_correct = cleared / correct;
  if (errors[0] > 0) out.acc_natural = hits[0] / errors[0];
  if (errors[1] > 0) out.acc_injected = hits[1] / errors[1];
  const double sum = out.acc_error + out.acc_correct;
  out.f1 = sum > 0 ? 2 * out.acc_error * out.acc_correct / sum : 0;
  out.tokens_per_trace /= static_cast<double>(out.n);
  out.ece = calibration_error(confidences, kBins, false);
  out.ece_adaptive = calibration_error(confidences, kBins, true);
  return out;
}

}  // namespace r1
