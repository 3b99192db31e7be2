// r1 pretrain: a base model from random weights.
#include <memory>

#include "base/interrupt.h"
#include "cli/verb_registration.h"
#include "cli/verbs.h"

namespace r1 {

void add_pretrain_verb(CLI::App& app, std::function<int()>& action) {
  const auto flags = std::make_shared<TrainFlags>();  // shared with the callbacks below
  CLI::App* verb = app.add_subcommand("pretrain", "train a base on texts, from random weights");
  verb->add_option("recipe", flags->recipe, "TOML file of keys");
  const auto key = [&](const std::string& flag, const std::string& name, const std::string& help) {
    verb->add_option_function<std::string>(
        flag, [flags, name](const std::string& value) { flags->given.push_back({name, value}); }, help);
  };
  key("--model", "model", "whose shape and tokenizer: a folder, with or without weights");
  key("--data", "data", "texts: JSON lines of {\"text\"}, or world:corpus");
  key("--out", "out", "the run's folder");
  verb->add_flag("--resume", flags->resume, "go on with the run in --out");
  add_set(verb, flags->given);
  verb->footer(pretrain_keys_help);
  verb->callback([flags, &action] {
    action = [flags] {
      catch_interrupts();
      return run_pretrain_verb(*flags);
    };
  });
}

}  // namespace r1
