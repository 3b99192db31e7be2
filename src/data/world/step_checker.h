// Whether the steps of an answer to a question of world:reasoning are true of the question: that equations hold, that
// the operation set about is one of the question's, that columns come to what they should, that the number stated in
// the end is the answer. As the checkers of tasks do, against the truth and not against the steps before.
#pragma once

#include <string>
#include <vector>

#include "data/tasks/task.h"

namespace r1::world {

// A row that world:reasoning made: its meta has the key of its operations.
bool is_reasoning_row(const tasks::Json& row);

// A verdict a step; none: it says nothing that could be checked, such as a way of working that is not the question's
// own. Throws r1::Error for a damaged row.
std::vector<tasks::StepVerdict> check_reasoning_steps(const tasks::Json& row, const std::vector<std::string>& steps);

}  // namespace r1::world
