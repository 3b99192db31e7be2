// A recipe of several stages, one after another: each begins with the model the one before it made. A stage that is
// finished is not done again; one that was cut off goes on from its last checkpoint.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/options.h"

namespace r1 {

struct PipelineRecipe {
  std::string name;  // of the file, for messages
  KeyValues shared;  // for every stage that knows the key, and for evaluation
  std::vector<std::pair<std::string, KeyValues>>
      stages;       // name and its own keys; key `stage`: sft or grpo, else the name
  KeyValues given;  // from the command line, above all others: key for every stage that knows it, or STAGE.key
  bool resume = false;
};

struct StageReport {
  std::string name, kind, model;  // model: the folder it wrote
  double seconds = 0;
  double accuracy = 0, ci_low = 0, ci_high = 1, mean_length = 0;  // on held-out items, one sample each
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

// `out` among the keys is the pipeline's folder, `model` what the first stage begins with. Throws r1::UsageError for
// unknown stages or keys before anything runs. Returns false when it was interrupted; then `report` holds the finished
// stages.
bool run_pipeline(const PipelineRecipe& recipe, PipelineReport& report);

// The keys that only a pipeline knows, with their defaults, and where its other keys are listed.
std::string pipeline_keys_help();

}  // namespace r1
