// How good a policy is on rows it never saw: pass@1, unbiased pass@k, cons@k, with intervals.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/environment.h"
#include "reward/reward.h"
#include "rollout/sampler.h"
#include "train/prompts.h"

namespace r1 {

struct EvalOptions {
  int samples = 1;           // a row
  SamplingOptions sampling;  // temperature 0: arg-max
  int64_t first_index = 0;   // of the rows in their draws: a part of the rows is asked as it is among all
  EnvironmentOptions environment = {};
};

struct EvalItem {
  size_t row = 0;
  Prompt prompt;
  std::vector<Completion> completions;
  std::vector<Verdict> verdicts;
  std::vector<nlohmann::ordered_json> episodes;  // results of games and tools, null where there were none
};

struct EvalResult {
  double pass_at_1 = 0;            // mean over rows of the share of correct samples
  double pass_at_k = 0;            // unbiased (Chen et al. 2021), k = samples
  double cons_at_k = 0;            // rows whose most frequent answer is right; ties go to the answer that came first
  double ci_low = 0, ci_high = 1;  // 95 % of pass@1, clustered by row
  double mean_score = 0, mean_length = 0, truncated = 0;
  int64_t rows = 0;                 // counted ones
  int64_t failed = 0;               // samples whose checker failed: left out
  nlohmann::ordered_json episodes;  // episode_metrics()
};

// Wilson's 95 % interval for `successes` (may be fractional) out of n.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson_interval(double successes, double n);
// The same at the number of independent samples that the spread between rows amounts to, from their means (0 to 1) of
// so many samples each: rows count as clusters, so many samples of few rows do not look more certain than they are.
Interval clustered_interval(const std::vector<double>& row_means, double samples_a_row);
// 1 - C(n - c, k) / C(n, k).
double unbiased_pass_at_k(int64_t n, int64_t correct, int64_t k);

EvalResult summarise(const std::vector<EvalItem>& items);

// Asks every row, judges every sample; empty when the process was interrupted. `progress` (may be empty) is called with
// the finished samples.
std::vector<EvalItem> evaluate(Sampler& sampler, const PromptBuilder& prompts, const std::vector<DataRow>& rows,
                               Reward& reward, const EvalOptions& options,
                               const std::function<void(int64_t)>& progress);

}  // namespace r1
