#include "data/reasoning_gym.h"

#include <unordered_set>

#include "base/error.h"
#include "reward/function_reward.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr uint64_t kOtherSide = 0x5DEECE66;  // added to the seed of the held-out side

// The source without `python=..`, which is ours.
std::string take_python(const std::string& source, RewardOptions& options) {
  std::string head;
  const Json arguments = query_arguments(source, head);
  char join = '?';
  for (const auto& [key, value] : arguments.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (key == "python") {
      options.python = text;
      continue;
    }
    head += join + key + "=" + text;
    join = '&';
  }
  return head;
}

}  // namespace

Dataset make_reasoning_gym_dataset(const std::string& source, const TaskOptions& o) {
  RewardOptions options;
  const std::string spec = take_python(source, options);
  std::string head;
  const Json arguments = query_arguments(spec, head);
  const uint64_t seed =
      arguments.contains("seed") && arguments["seed"].is_number_unsigned() ? arguments["seed"].get<uint64_t>() : o.seed;
  Dataset out;
  out.name = source;
  std::unordered_set<std::string> other;
  if (o.held_out)
    for (const Json& item : reasoning_gym_items(spec, o.num_rows, seed, options))
      other.insert(item.value("question", ""));
  std::string asked = head;
  char join = '?';
  for (const auto& [key, value] : arguments.items()) {
    if (key == "seed") continue;
    asked += join + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    join = '&';
  }
  for (const Json& item : reasoning_gym_items(asked, o.num_rows, o.held_out ? seed + kOtherSide : seed, options)) {
    if (!item.is_object() || !item.contains("question") || !item["question"].is_string())
      fail("{}: an item without a question", source);
    DataRow row;
    row.prompt = item["question"].get<std::string>();
    if (other.contains(row.prompt)) continue;
    if (item.contains("answer") && item["answer"].is_string()) row.answer = item["answer"].get<std::string>();
    row.row = item;
    out.rows.push_back(std::move(row));
  }
  if (out.rows.empty()) fail("{}: no items (of the held-out side, none that training has not)", source);
  out.sources = {{.name = source, .format = "", .rows = static_cast<int64_t>(out.rows.size())}};
  return out;
}

}  // namespace r1
