// tasks:arithmetic: sums, differences, products and exact quotients, generated. An item is a function of (seed, index);
// whether it is for training or held out is a function of the item itself, so the two never meet whatever the seed and
// the dials.
#pragma once

#include "data/dataset.h"

namespace r1 {

// `source`: tasks:arithmetic, optionally ?digits=3&operands=2-3&operators=+-*&rows=1000&held_out=1&solutions=1 (over
// options).
Dataset make_task_dataset(const std::string& source, TaskOptions options);

}  // namespace r1
