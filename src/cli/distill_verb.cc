// r1 distill: a student learns from a teacher's texts, or from its log-probs
#include "cli/train_run.h"
#include "cli/verb_registration.h"
#include "train/distill.h"

namespace r1 {

void add_distill_verb(CLI::App& app, std::function<int()>& action, bool& saves_on_interrupt) {
  const auto flags = std::make_shared<TrainFlags>();  // shared with the verb's callbacks, which outlive this call
  CLI::App* verb = app.add_subcommand("distill", "a student learns from a teacher's texts, or from its log-probs");
  add_train_flags(verb, *flags);
  add_key(verb, "--teacher", "teacher", "who is learned from, as --model", flags->given);
  add_set(verb, flags->given);
  verb->footer([] { return keys_help<DistillOptions>(); });
  verb->callback([flags, &action, &saves_on_interrupt] {
    saves_on_interrupt = true;
    action = [flags] { return run_distill(prepare<DistillRun>(*flags)) ? 0 : 1; };
  });
}

}  // namespace r1
