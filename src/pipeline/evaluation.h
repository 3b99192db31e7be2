// How good a stage's model is on held-out items, beyond right and wrong: R1's lengths, languages, difficulties.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "pipeline/stage_graph.h"

namespace r1 {

// The numbers of a summary ("accuracy", "ci95", "rows", "mean_length", "mean_length_correct", "mean_length_wrong",
// "language_consistency", "mixed", "by_difficulty", "general", ...) and the first answers with their tokens'
// log-probs. Nothing when the process was interrupted.
struct StageEvaluation {
  nlohmann::ordered_json numbers;
  std::vector<nlohmann::ordered_json> answers;  // a line each of answers.jsonl
};

// Asks the model at `model` with the stage's own prompts.
std::optional<StageEvaluation> evaluate_stage(const RecipeStage& stage, const StageRun& run, const std::string& model);

}  // namespace r1
