// r1 reward-model: a model that scores texts, from preferences
#include "cli/train_run.h"
#include "cli/verb_registration.h"
#include "train/reward_model.h"

namespace r1 {

void add_reward_model_verb(CLI::App& app, std::function<int()>& action, bool& saves_on_interrupt) {
  const auto flags = std::make_shared<TrainFlags>();  // shared with the verb's callbacks, which outlive this call
  CLI::App* verb = app.add_subcommand("reward-model", "a model that scores texts, from preferences");
  add_train_flags(verb, *flags);
  add_set(verb, flags->given);
  verb->footer([] { return keys_help<RewardModelOptions>(); });
  verb->callback([flags, &action, &saves_on_interrupt] {
    saves_on_interrupt = true;
    action = [flags] { return run_reward_model(prepare<RewardModelRun>(*flags)) ? 0 : 1; };
  });
}

}  // namespace r1
