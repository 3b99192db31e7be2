#include "train/exact_truths.h"

#include "data/tasks/task.h"
#include "data/world/step_checker.h"
#include "trace/verdict.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::vector<tasks::StepVerdict> verdicts_of(const Json& row, const std::vector<std::string>& steps) {
  if (world::is_reasoning_row(row)) return world::check_reasoning_steps(row, steps);
  const bool family = row.is_object() && row.contains("task") && row["task"].is_string() && row.contains("meta");
  if (!family) return {};
  tasks::TaskItem item;
  item.answer = row.value("answer", "");
  item.meta = row["meta"];
  return tasks::check_steps(tasks::find_family(row["task"].get<std::string>()), item, steps);
}

}  // namespace

std::vector<Truth> checked_truths(const Json& row, const std::vector<std::string>& steps) {
  std::vector<Truth> out;
  for (const tasks::StepVerdict v : verdicts_of(row, steps))
    out.push_back(v == tasks::StepVerdict::none    ? Truth::none
                  : v == tasks::StepVerdict::right ? Truth::right
                                                   : Truth::wrong);
  return out;
}

std::vector<Truth> exact_truths(const Json& row, const std::vector<std::string>& steps) {
  std::vector<Truth> out = claim_truths(steps);
  const std::vector<Truth> known = checked_truths(row, steps);
  for (size_t i = 0; i < known.size(); i++)
    if (known[i] != Truth::none) out[i] = known[i];
  return out;
}

}  // namespace r1
