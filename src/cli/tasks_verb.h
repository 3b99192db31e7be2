// r1 tasks list|show|sample|check: generated tasks, looked at and judged.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace r1 {

// `action` is what the words ask for; returns the exit code.
void add_tasks_verb(CLI::App& app, std::function<int()>& action);

}  // namespace r1
