// r1 reject: sample, judge, keep what is right and readable: rows for SFT
#include "cli/train_run.h"
#include "cli/verb_registration.h"
#include "train/rejection.h"

namespace r1 {

void add_reject_verb(CLI::App& app, std::function<int()>& action, bool& saves_on_interrupt) {
  const auto flags = std::make_shared<TrainFlags>();  // shared with the verb's callbacks, which outlive this call
  CLI::App* verb = app.add_subcommand("reject", "sample, judge, keep what is right and readable: rows for SFT");
  add_train_flags(verb, *flags);
  add_key(verb, "--reward", "reward", "what tells right from wrong, as of r1 grpo; none: nothing", flags->given);
  add_set(verb, flags->given);
  verb->footer([] { return keys_help<RejectOptions>(); });
  verb->callback([flags, &action, &saves_on_interrupt] {
    saves_on_interrupt = true;
    action = [flags] { return run_reject(prepare<RejectRun>(*flags)) ? 0 : 1; };
  });
}

}  // namespace r1
