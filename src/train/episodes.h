// Rollouts of several turns: the model's turns go to the episodes of their rows (data/environment.h), what comes back
// is tokens between its own, which have no log-probs and no loss (rollout/records.h).
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/json.h"
#include "data/environment.h"
#include "rollout/sampler.h"
#include "train/prompts.h"

namespace r1 {

// Of one call of Sampler::generate(). Borrows environment and prompts for its lifetime.
class Episodes {
 public:
  Episodes(Environment& environment, const PromptBuilder& prompts) : environment_(environment), prompts_(prompts) {}

  // Request `request` is about `row`: an episode for each of its samples, where the row has any. `prompt`: as built.
  void begin(size_t request, const DataRow& row, const Prompt& prompt, size_t samples);
  // Sets what the sampler has to be told; nothing where no row has an episode. This must live until it is done.
  void attach(SamplingOptions& options, Sampler::Hooks& hooks);
  // The row as the reward sees it, with the episode's result as "episode". Once a sample.
  nlohmann::ordered_json row_for_reward(size_t request, int sample, const nlohmann::ordered_json& row);
  // Null where there was no episode. After row_for_reward.
  const nlohmann::ordered_json& result(size_t request, int sample) const;

 private:
  struct Live {
    std::unique_ptr<Episode> episode;
    std::string prefilled;  // of its next turn
    nlohmann::ordered_json result;
  };
  std::vector<TurnReply> reply(const std::vector<TurnEnd>& turns);
  TurnReply reply(const TurnEnd& turn, Live& live);

  Environment& environment_;
  const PromptBuilder& prompts_;
  std::map<std::pair<size_t, int>, Live> live_;
};

// Means over results: "game/win", "game/draw", "game/loss", "game/illegal", "game/unfinished" (shares of all games),
// "game/turns"; "tools/calls", "tools/errors" a sample. Empty where nothing of the kind happened.
nlohmann::ordered_json episode_metrics(const std::vector<nlohmann::ordered_json>& results);

// A sample as it went, what was said to the model too; Completion::text where it is all the model's.
std::string transcript(const Completion& completion, const Tokenizer* tokenizer);

}  // namespace r1
