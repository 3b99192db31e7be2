#include "train/evaluate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "train/episodes.h"
#include "train/judging.h"

namespace r1 {

Interval wilson_interval(double successes, double n) {
  if (n <= 0) return {};
  const double z = 1.959963984540054, p = successes / n, z2 = z * z / n;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = z / (1 + z2) * std::sqrt(std::max(0.0, p * (1 - p) / n + z2 / (4 * n)));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

Interval clustered_interval(const std::vector<double>& row_means, double samples_a_row) {
  const double n = static_cast<double>(row_means.size());
  double mean = 0, spread = 0;
  for (double m : row_means) mean += m / n;
  for (double m : row_means) spread += (m - mean) * (m - mean);
  double effective = n;
  if (n > 1 && spread > 0) {
    const double squared_error = spread / (n - 1) / n;
    effective = std::clamp(mean * (1 - mean) / squared_error, n, n * samples_a_row);
  }
  return wilson_interval(mean * effective, effective);
}

double unbiased_pass_at_k(int64_t n, int64_t correct, int64_t k) {
  R1_CHECK(k >= 1 && k <= n && correct >= 0 && correct <= n);
  if (n - correct < k) return 1;
  double miss = 1;
  for (int64_t i = n - correct + 1; i <= n; i++) miss *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - miss;
}

namespace {

// Whether the most frequent answer is right. All right answers are one answer: they equal the reference.
bool consensus(const std::vector<Verdict>& verdicts) {
  std::vector<std::pair<std::string, int>> votes;
  for (const Verdict& v : verdicts) {
    if (v.outcome != Outcome::correct && v.outcome != Outcome::wrong) continue;
    const std::string key = v.outcome == Outcome::correct ? "+" : "-" + v.extracted;
    const auto it = std::find_if(votes.begin(), votes.end(), [&](const auto& x) { return x.first == key; });
    if (it == votes.end())
      votes.push_back({key, 1});
    else
      it->second++;
  }
  const auto best =
      std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return best != votes.end() && best->first == "+";
}

}  // namespace

EvalResult summarise(const std::vector<EvalItem>& items) {
  EvalResult out;
  std::vector<double> row_means;
  double samples = 0, passes = 0, agreed = 0;
  std::vector<nlohmann::ordered_json> episodes;
  for (const EvalItem& item : items) {
    episodes.insert(episodes.end(), item.episodes.begin(), item.episodes.end());
    int64_t counted = 0, correct = 0;
    for (size_t i = 0; i < item.verdicts.size(); i++) {
      const Verdict& v = item.verdicts[i];
      if (v.outcome == Outcome::failed) {
        out.failed++;
        continue;
      }
      counted++;
      correct += v.outcome == Outcome::correct;
      out.mean_score += v.score;
      out.mean_length += static_cast<double>(item.completions[i].num_learned());
      out.truncated += item.completions[i].finish == FinishReason::length;
    }
    if (counted == 0) continue;
    samples += static_cast<double>(counted);
    row_means.push_back(static_cast<double>(correct) / static_cast<double>(counted));
    passes += unbiased_pass_at_k(counted, correct, counted);
    agreed += consensus(item.verdicts);
  }
  out.episodes = episode_metrics(episodes);
  out.rows = static_cast<int64_t>(row_means.size());
  if (out.rows == 0) return out;
  const double n = static_cast<double>(out.rows);
  for (double m : row_means) out.pass_at_1 += m / n;
  out.pass_at_k = passes / n;
  out.cons_at_k = agreed / n;
  out.mean_score /= samples;
  out.mean_length /= samples;
  out.truncated /= samples;
  const Interval ci = clustered_interval(row_means, samples / n);
  out.ci_low = ci.low;
  out.ci_high = ci.high;
  return out;
}

std::vector<EvalItem> evaluate(Sampler& sampler, const PromptBuilder& prompts, const std::vector<DataRow>& rows,
                               Reward& reward, const EvalOptions& options,
                               const std::function<void(int64_t)>& progress) {
  std::vector<EvalItem> items(rows.size());
  std::vector<PromptRequest> requests;
  const std::unique_ptr<Environment> environment = make_environment(options.environment);
  Episodes episodes(*environment, prompts);
  for (size_t i = 0; i < rows.size(); i++) {
    items[i].row = i;
    items[i].prompt = prompts.build(rows[i]);
    episodes.begin(i, rows[i], items[i].prompt, static_cast<size_t>(options.samples));
    requests.push_back({items[i].prompt.ids, options.first_index + static_cast<int64_t>(i), options.samples});
  }
  const size_t each = static_cast<size_t>(options.samples);
  AsyncJudge judge(reward, rows.size() * each);
  int64_t done = 0;
  Sampler::Hooks hooks;
  hooks.finished = [&](size_t request, int sample, const Completion& c) {
    const Prompt& prompt = items[request].prompt;
    judge.submit(request * each + static_cast<size_t>(sample),
                 {.prompt = prompt.text,
                  .completion = c.text,
                  .prefilled = prompt.prefilled,
                  .num_tokens = c.num_learned(),
                  .truncated = c.finish == FinishReason::length,
                  .group = static_cast<int64_t>(request),
                  .row = episodes.row_for_reward(request, sample, rows[request].row),
                  .completion_ids = c.ids});
    if (progress) progress(++done);
  };
  hooks.cancelled = interrupted;
  SamplingOptions sampling = options.sampling;
  sampling.max_turn_tokens = options.environment.max_turn_tokens;
  episodes.attach(sampling, hooks);
  std::vector<Group> groups = sampler.generate(requests, sampling, hooks);
  if (interrupted()) return {};
  std::vector<Verdict> verdicts = judge.finish();
  for (size_t i = 0; i < items.size(); i++) {
    items[i].completions = std::move(groups[i].completions);
    for (size_t s = 0; s < each; s++) {
      items[i].verdicts.push_back(std::move(verdicts[i * each + s]));
      items[i].episodes.push_back(episodes.result(i, static_cast<int>(s)));
    }
  }
  return items;
}

}  // namespace r1
