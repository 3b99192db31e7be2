#include "data/tasks/task_rows.h"

#include <chrono>
#include <unordered_set>

#include "base/error.h"
#include "data/games/game_families.h"
#include "data/tasks/task.h"
#include "data/world/rows.h"

namespace r1::tasks {
namespace {

// Of "tasks:NAME?a=1&b=2" or games:: sets the shared ones in `o`, the family's own in `dials`.
void read_query(const std::string& source, size_t query, TaskOptions& o, Dials& dials) {
  for (size_t at = query; at != std::string::npos;) {
    const size_t end = source.find('&', ++at);
    const std::string pair = source.substr(at, end == std::string::npos ? end : end - at);
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) fail_usage("{}: \"{}\" has no value; expected {}=...", source, pair, pair);
    const std::string name = pair.substr(0, equals), value = pair.substr(equals + 1);
    if (name == "rows" || name == "held_out" || name == "solutions" || name == "seed")
      set_task_option(o, "task_" + name, value);
    else
      dials.set(name, value);
    at = end;
  }
}

DataRow row_of(const TaskFamily& family, const TaskItem& item, bool with_solution) {
  if (games::is_game(family)) return games::row_of(item, with_solution);
  DataRow row;
  row.prompt = item.prompt;
  row.answer = item.answer;
  if (with_solution) row.completion = worked_completion(item);
  row.row = {{"question", item.prompt}, {"answer", item.answer}, {"task", family.name}, {"meta", item.meta}};
  return row;
}

Verdict judge_row(const RewardInput& in) {
  if (!in.row.is_object() || !in.row.contains("answer") || !in.row["answer"].is_string())
    fail("reward task: the row has no answer; it judges rows of tasks:NAME alone");
  TaskItem item;
  item.answer = in.row["answer"].get<std::string>();
  // rows of tasks:arithmetic are older than the other families and name none
  const bool arithmetic = !in.row.contains("task") && in.row.contains("expression");
  if (!arithmetic && (!in.row.contains("task") || !in.row["task"].is_string() || !in.row.contains("meta")))
    fail("reward task: the row names no task; it judges rows of tasks:NAME alone");
  if (!arithmetic) item.meta = in.row["meta"];
  return check(find_family(arithmetic ? "arithmetic" : in.row["task"].get<std::string>()), item, in.completion,
               in.prefilled);
}

class TaskReward : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      const auto start = std::chrono::steady_clock::now();
      Verdict v;
      try {
        v = judge_row(in);
      } catch (const std::exception& e) {  // the row is bad, whatever the completion is worth
        v.reason = e.what();
      }
      v.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      out.push_back(std::move(v));
    }
    return out;
  }
  std::string name() const override { return "task"; }
};

}  // namespace

Dataset make_family_dataset(const std::string& source, TaskOptions o) {
  constexpr uint64_t kMostIdle = 2000;  // items in a row that were there before: the dials allow no more
  const size_t query = source.find('?'), head = source.find(':') + 1;
  const bool game = source.starts_with("games:");
  const std::string name = source.substr(head, query == std::string::npos ? query : query - head);
  const TaskFamily& family = game ? games::find_game(name) : find_family(name);
  Dials dials(family);
  read_query(source, query, o, dials);
  Dataset out;
  out.name = source;
  out.shape = !o.with_solution ? DataShape::prompt_only : game ? DataShape::messages : DataShape::prompt_completion;
  std::unordered_set<std::string> seen;
  uint64_t idle = 0;
  for (uint64_t index = 0; idle < kMostIdle && static_cast<int64_t>(out.rows.size()) < o.num_rows; index++) {
    const TaskItem item = generate(family, o.seed, index, dials, o.held_out);
    idle++;
    if (o.held_out && !seen.insert(games::same_item_key(item)).second) continue;
    out.rows.push_back(row_of(family, item, o.with_solution));
    idle = 0;
  }
  return out;
}

std::unique_ptr<Reward> make_task_reward() { return std::make_unique<TaskReward>(); }

}  // namespace r1::tasks

namespace r1 {

std::unique_ptr<Reward> make_reward_for(const std::string& data, const std::string& spec, RewardOptions options) {
  const bool generated = data.starts_with("tasks:") && data.substr(0, data.find('?')) != "tasks:arithmetic";
  const bool played = data.starts_with("games:"), world = data.starts_with("world:");
  options.more.push_back({"task", tasks::make_task_reward});
  options.more.push_back({"game", games::make_game_reward});
  options.more.push_back({"world", world::make_world_reward});
  if (data.starts_with("rg:")) {
    const std::string reward = data.substr(0, data.find_first_of("?,"));
    options.more.push_back({"auto", [reward, options] { return make_reward(reward, options); }});
  }
  options.more.push_back({"auto", [generated, played, world, options] {
                            return played      ? games::make_game_reward()
                                   : world     ? world::make_world_reward()
                                   : generated ? tasks::make_task_reward()
                                               : make_reward("math", options);
                          }});
  return make_reward(spec, options);
}

}  // namespace r1
