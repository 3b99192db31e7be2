// r1 tasks list|show|sample|check|play: generated tasks and games, looked at, judged and played.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace r1 {

// `action` is what the words ask for; returns the exit code.
void add_tasks_verb(CLI::App& app, std::function<int()>& action);

}  // namespace r1
