// r1 config show: every key of a recipe with its value and where it came from.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace r1 {

// Adds the verb below `config`; `action` is what it does once it was chosen.
void add_config_show(CLI::App& config, std::function<int()>& action);

}  // namespace r1
