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
//
// "win_rate": of the general questions, each asked of this stage and of another one, the share on which this one's
// answer is worth more to the judge (pipeline_eval_general_reward: rules, not the reward model that trained it), ties a
// half; with "win_rate_ci95" and "preference": {"against", "wins", "ties", "losses", "rows"}.
struct StageEvaluation {
  nlohmann::ordered_json numbers;
  std::vector<nlohmann::ordered_json> answers;  // a line each of answers.jsonl
  std::vector<nlohmann::ordered_json> general;  // of general.jsonl: {"row","prompt","completion","outcome","score"}
};

// Asks the model at `model` with the stage's own prompts. `opponent`: the general.jsonl of the stage it is compared
// with; empty: none.
std::optional<StageEvaluation> evaluate_stage(const RecipeStage& stage, const StageRun& run, const std::string& model,
                                              const std::string& opponent);

// The numbers of a comparison, from two stages' general answers, matched by row and prompt; questions that either
// side's judge failed on are left out. Empty where no question is left.
nlohmann::ordered_json win_rate_of(const std::vector<nlohmann::ordered_json>& ours,
                                   const std::vector<nlohmann::ordered_json>& theirs, const std::string& against);

}  // namespace r1
