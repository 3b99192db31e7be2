// Verbs that bring their own flags. Each adds itself to `app`; when its words are read it puts what it does into
// `action`, which outlives the reading.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/options.h"
#include "cli/verbs.h"

namespace r1 {

void add_config_verbs(CLI::App& app, std::function<int()>& action);     // config show, import, preset
void add_completion_verb(CLI::App& app, std::function<int()>& action);  // completion bash, zsh, fish
void add_data_verbs(CLI::App& app, std::function<int()>& action);       // data inspect
void add_pretrain_verb(CLI::App& app, std::function<int()>& action);    // pretrain
void add_report_verb(CLI::App& app, std::function<int()>& action);      // report
void add_trace_verb(CLI::App& app, std::function<int()>& action);       // trace, trace bench

// Training verbs, each with a recipe of its own. On Ctrl-C they save.
void add_reward_model_verb(CLI::App& app, std::function<int()>& action, bool& saves_on_interrupt);
void add_reject_verb(CLI::App& app, std::function<int()>& action, bool& saves_on_interrupt);
void add_distill_verb(CLI::App& app, std::function<int()>& action, bool& saves_on_interrupt);

// A flag that is a key too: --out DIR is --set out=DIR. Borrows `values`, as add_set.
void add_key(CLI::App* verb, const std::string& flag, const std::string& key, const std::string& help,
             KeyValues& values);
// RECIPE, --model, --data, --out, --resume.
void add_train_flags(CLI::App* verb, TrainFlags& flags);

// --set key=value, repeatable, into `values`, which has to outlive the reading. Comes after a verb's other flags.
void add_set(CLI::App* verb, KeyValues& values);

}  // namespace r1
