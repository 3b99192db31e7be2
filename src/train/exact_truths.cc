#include "train/exact_truths.h"

#include "data/tasks/task.h"
#include "trace/verdict.h"

namespace r1 {

std::vector<Truth> exact_truths(const nlohmann::ordered_json& row, const std::vector<std::string>& steps) {
  std::vector<Truth> out = claim_truths(steps);
  const bool family = row.is_object() && row.contains("task") && row["task"].is_string() && row.contains("meta");
  if (!family) return out;
  tasks::TaskItem item;
  item.answer = row.value("answer", "");
  item.meta = row["meta"];
  const auto verdicts = tasks::check_steps(tasks::find_family(row["task"].get<std::string>()), item, steps);
  for (size_t i = 0; i < out.size(); i++)
    if (verdicts[i] != tasks::StepVerdict::none)
      out[i] = verdicts[i] == tasks::StepVerdict::right ? Truth::right : Truth::wrong;
  return out;
}

}  // namespace r1
