// Reward models (r1.md 3.4): the network with a linear head on a text's last token, trained on preferences
//   pairwise    -log sigmoid(s_chosen - s_rejected - margin) + center (s_chosen + s_rejected)^2     (Bradley-Terry)
//   pointwise   -log sigmoid(s) of a good completion, -log sigmoid(-s) of a bad one
// and written as transformers' AutoModelForSequenceClassification loads it with one label. Left out: adapters (the head
// is new, so there is always something to train besides).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/options.h"
#include "formats/model_files.h"
#include "train/options.h"
#include "train/packing.h"
#include "train/prompts.h"

namespace r1 {

struct RewardModelOptions : TrainingOptions {
  RewardModelOptions();
  std::string rm_loss = "pairwise";          // pointwise: of completions with a label
  std::string rm_scope = "all";              // summary: only what stands after </think> is scored
  int64_t max_length = 1024;                 // tokens; rows with a longer text are left out, as TRL does
  double center_rewards_coefficient = 0;     // pairwise: pulls the pair's mean towards 0
  int64_t eval_steps = 0, eval_rows = 1000;  // held-out rows every so many steps, and at the end
  void declare(OptionTable& table);
  void check() const;
};

struct RewardModelRun {
  RewardModelOptions options;
  KeyValues recipe;         // every key as it counts, for the checkpoint
  std::string recipe_toml;  // the same, for people
  bool resume = false;
};

// Trains, writing options.out; model/ is the reward model, eval.json its accuracy on the held-out rows. Returns false
// when it was interrupted (and saved).
bool run_reward_model(const RewardModelRun& run);

// What a reward model says in its config.json, under "r1_reward": how it was trained, and how it wants to be asked.
struct RewardModelCard {
  std::string loss = "pairwise", scope = "all";
  PromptOptions prompt;
};
void write_card(const RewardModelCard& card, ModelFiles& files);
// The defaults where the folder has none: any sequence classifier with one label will do.
RewardModelCard read_card(const ModelFiles& files);

// Rows as a reward model reads them: prompt, what its scope leaves of the completion, end of turn.
class ScoredTexts {
 public:
  ScoredTexts(const ModelFiles& files, std::shared_ptr<const Tokenizer> tokenizer, const RewardModelCard& card);
  // `prefilled`: what of the completion its own prompt held already.
  TrainGroup build(const DataRow& row, std::span<const std::string> completions, const std::string& prefilled) const;

 private:
  PromptBuilder prompts_;
  std::string scope_;
  int32_t pad_id_;
};
// What stands after </think>, trimmed; nothing when a thought never ended; all of a text without one.
std::string summary_of(const std::string& completion, const std::string& prefilled);

// ---- the losses
struct ScoreLoss {
  double loss = 0, slope = 0, slope_other = 0;  // d/ds; of the rejected one
};
ScoreLoss pairwise_loss(double chosen, double rejected, double margin, double center);
ScoreLoss pointwise_loss(double score, bool good);

}  // namespace r1
