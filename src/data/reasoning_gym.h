// Generated items of reasoning-gym, a Python package.
#pragma once

#include <string>

#include "data/dataset.h"

namespace r1 {

// `source`: "rg:TASK?key=value&..", where size, seed and the task's own configuration may stand (numbers and texts),
// and python, the interpreter that has the package (python3 of the PATH). Without a size, `options.num_rows` items;
// without a seed, `options.seed`. The held-out side has another seed, and no question of the training side's. Rows have
// "question", "answer" and "metadata", as the reward rg:TASK reads them.
Dataset make_reasoning_gym_dataset(const std::string& source, const TaskOptions& options);

}  // namespace r1
