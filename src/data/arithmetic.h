// tasks:arithmetic: sums, differences, products and exact quotients, generated. An item is a function of (seed, index);
// whether it is for training or held out is a function of the item itself, so the two never meet whatever the seed and
// the dials.
#pragma once

#include "data/dataset.h"
#include "data/worked_arithmetic.h"

namespace r1 {

// `source`: tasks:arithmetic, optionally with dials, which go over `options`:
//   tasks:arithmetic?digits=3&operands=2-3&operators=+-*&rows=1000&held_out=1&solutions=1&seed=7
// digits 1-6 and operands 2-8 are a number or a range; operators are some of + - * /, each as likely as it stands
// there; of products and quotients digits times operands is at most 18. A fifth of all items is held out. Held-out rows
// are all different (fewer than `rows` where the dials allow no more); training rows may repeat. With solutions,
// completions are <think>worked_arithmetic.h</think><answer>N</answer>. Unknown or bad dials are r1::UsageError.
// Another tasks:NAME is a family of tasks/task.h with dials of its own (tasks/task_rows.h).
Dataset make_task_dataset(const std::string& source, TaskOptions options);

// Item `index` of the dials operands, digits and operators, whichever side it is on.
ArithmeticItem draw_arithmetic(const TaskOptions& options, uint64_t index);

// What decides an item's side: its numbers and operators alone, whatever their order: 3 + 4 and 4 + 3 are on the same.
std::string side_key(ArithmeticItem item);

// Throws r1::UsageError where products could leave an int64. `source` is for the message.
void check_sizes(const std::string& source, const TaskOptions& options);

}  // namespace r1
