// tasks:arithmetic: sums, differences, products and exact quotients, generated. An item is a function of (seed, index);
// whether it is for training or held out is a function of the item itself, so the two never meet whatever the seed and
// the dials.
#pragma once

#include "data/dataset.h"

namespace r1 {

// `source`: tasks:arithmetic, optionally with dials, which go over `options`:
//   tasks:arithmetic?digits=3&operands=2-3&operators=+-*&rows=1000&held_out=1&solutions=1&seed=7
// digits 1-6 and operands 2-8 are a number or a range; operators are some of + - * /, each as likely as it stands
// there; of products and quotients digits times operands is at most 18. A fifth of all items is held out. Held-out rows
// are all different (fewer than `rows` where the dials allow no more); training rows may repeat. With solutions,
// completions are <think>worked_arithmetic.h</think><answer>N</answer>. Unknown or bad dials are r1::UsageError.
Dataset make_task_dataset(const std::string& source, TaskOptions options);

}  // namespace r1
