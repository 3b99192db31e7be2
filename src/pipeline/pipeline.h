// A recipe of several stages: each begins with a model an earlier one made. What a stage makes is known by what went
// into it and by its content; a finished stage is not done again, one that was cut off goes on from its last
// checkpoint.
//
// OUT/recipe.toml the recipe as given · OUT/stages/NAME/ a folder a stage: recipe.toml, metrics.jsonl, model/, what
// else its verb writes, answers.jsonl, and last stage.json, which says that it is finished · OUT/summary.json ·
// OUT/replaced/ what --from made anew.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pipeline/stage_graph.h"

namespace r1 {

struct PipelineReport {
  std::string folder;
  nlohmann::ordered_json summary;               // as OUT/summary.json has it
  std::vector<nlohmann::ordered_json> answers;  // of the last evaluated model, the first few
  bool finished = false;                        // false: interrupted
};

// Throws r1::UsageError for unknown stages or keys before anything runs, r1::Error when a gate is not passed.
PipelineReport run_pipeline(const PipelineRecipe& recipe);

// What each stage would take: {"name","kind","from","steps","tokens","seconds","memory_gb","guessed","finished"}.
std::vector<nlohmann::ordered_json> predict_pipeline(const PipelineRecipe& recipe);

// The keys that only a pipeline knows, with their defaults, and where its other keys are listed.
std::string pipeline_keys_help();

}  // namespace r1
