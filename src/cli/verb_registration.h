// Verbs that bring their own flags. Each adds itself to `app`; when its words are read it puts what it does into
// `action`, which outlives the reading.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/options.h"

namespace r1 {

void add_config_verbs(CLI::App& app, std::function<int()>& action);     // config show, import, preset
void add_completion_verb(CLI::App& app, std::function<int()>& action);  // completion bash, zsh, fish
void add_data_verbs(CLI::App& app, std::function<int()>& action);       // data inspect
void add_trace_verb(CLI::App& app, std::function<int()>& action);  // trace, trace bench

// --set key=value, repeatable, into `values`, which has to outlive the reading. Comes after a verb's other flags.
void add_set(CLI::App* verb, KeyValues& values);

}  // namespace r1
