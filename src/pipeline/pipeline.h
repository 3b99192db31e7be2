// A recipe of several stages, one after another: each begins with the model the one before it made. A stage that is
// finished is not done again; one that was cut off goes on from its last checkpoint.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/options.h"

namespace r1 {

struct PipelineRecipe {
  KeyValues shared;  // for every stage that knows the key, and for evaluation
  std::vector<std::pair<std::string, KeyValues>>
      stages;  // name and its own keys; key `stage`: sft or grpo, else the name
  std::string out;
  bool resume = false;
};

struct StageReport {
  std::string name, kind, model;  // model: the folder it wrote
  double seconds = 0;
  double accuracy = 0, ci_low = 0, ci_high = 1, mean_length = 0;  // on held-out items, greedy
  int64_t rows = 0;
  std::vector<double> curve;  // reward (grpo) or loss (sft) over the steps
};

struct SampleReport {
  std::string prompt, completion, outcome, reference;
};

struct PipelineReport {
  std::vector<StageReport> stages;
  std::vector<SampleReport> samples;  // of the last model, on held-out items
};

// Throws r1::UsageError for unknown stages or keys before anything runs. Returns false when it was interrupted; then
// `report` holds the finished stages.
bool run_pipeline(const PipelineRecipe& recipe, PipelineReport& report);

}  // namespace r1
