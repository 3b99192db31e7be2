// `r1 reward NAME --json`: each line of standard input is an object with "completion" and what the reward needs
// ("answer" for math); each line of standard output is its verdict. Verdicts come as lines do: lines that stand ready,
// up to 16, are judged in one call, so that what limits a call (reward_timeout_seconds) limits them together. A reward
// that compares a prompt's samples gets all lines at once, and those with the same "prompt" are a group.
#include "cli/reward_verb.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/options.h"
#include "cli/json_lines.h"
#include "reward/reward.h"
#include "train/model_reward.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct RewardWords {
  std::string name;
  bool json = false;
  KeyValues sets;
};

struct RewardKeys {
  RewardOptions reward;
  RewardKeys() { reward.max_completion_length = 256; }  // as r1 grpo
  void declare(OptionTable& table) {
    table.add("max_completion_length", &reward.max_completion_length, "length, cosine: tokens");
    declare_reward_keys(table, reward);
  }
};

// The text of a list of messages, as conversational rows have it.
std::string messages_field(const Json& list, const char* key, const std::string& where) {
  std::string text;
  for (const Json& m : list) {
    if (!m.is_object() || !m.contains("content") || !m["content"].is_string())
      fail("{}: \"{}\" is a list, expected one of messages {{\"role\",\"content\"}}", where, key);
    text += m["content"].get<std::string>();
  }
  return text;
}

std::string text_field(const Json& row, const char* key, bool required, const std::string& where) {
  if (!row.contains(key)) {
    if (required) fail("{}: \"{}\" is missing; expected a text", where, key);
    return "";
  }
  if (row[key].is_array() && !row[key].empty()) return messages_field(row[key], key, where);
  if (!row[key].is_string()) fail("{}: \"{}\" is {}, expected a text", where, key, row[key].type_name());
  return row[key].get<std::string>();
}

int64_t tokens_field(const Json& row, const std::string& completion, const std::string& where) {
  if (!row.contains("num_tokens")) return count_words(completion);
  const Json& n = row["num_tokens"];
  if (!n.is_number_unsigned() || n.get<uint64_t>() > INT32_MAX)
    fail("{}: \"num_tokens\" is {}, expected a whole number from 0 to {}", where, n.dump().substr(0, 40), INT32_MAX);
  return n.get<int64_t>();
}

std::vector<int32_t> ids_field(const Json& ids, const std::string& where) {
  std::vector<int32_t> out;
  const bool good = ids.is_array() && std::all_of(ids.begin(), ids.end(), [](const Json& id) {
                      return id.is_number_unsigned() && id.get<uint64_t>() <= INT32_MAX;
                    });
  if (!good) fail("{}: \"completion_ids\" is no list of token numbers", where);
  for (const Json& id : ids) out.push_back(id.get<int32_t>());
  return out;
}

RewardInput input_of(const std::string& line, const std::string& where) {
  Json row = json_of_line(line, where);
  if (!row.is_object()) fail("{}: expected a JSON object with \"completion\", got {}", where, line.substr(0, 80));
  RewardInput in;
  in.completion = text_field(row, "completion", true, where);
  in.prompt = text_field(row, "prompt", false, where);
  in.prefilled = text_field(row, "prefilled", false, where);
  in.num_tokens = tokens_field(row, in.completion, where);
  if (row.contains("truncated")) {
    if (!row["truncated"].is_boolean())
      fail("{}: \"truncated\" is {}, expected true or false", where, row["truncated"].type_name());
    in.truncated = row["truncated"].get<bool>();
  }
  if (row.contains("completion_ids")) in.completion_ids = ids_field(row["completion_ids"], where);
  in.row = std::move(row);
  return in;
}

void print_verdict(const Verdict& v) {
  const bool failed = v.outcome == Outcome::failed;
  Json line = {{"verdict", outcome_name(v.outcome)}};
  line["score"] = failed ? Json() : Json(v.score);  // a checker that failed says nothing about the completion
  line["reason"] = v.reason;
  line["extracted"] = v.extracted;
  line["parts"] = Json::object();
  for (const auto& [name, score] : v.parts) line["parts"][name] = failed ? Json() : Json(score);
  line["ms"] = std::round(v.seconds * 1e6) / 1e3;
  print_json_line(line);
}

constexpr size_t kMostAtOnce = 16;

void judge_and_print(Reward& reward, std::vector<RewardInput>& waiting) {
  for (const Verdict& v : reward.judge(waiting)) print_verdict(v);
  waiting.clear();
}

int run_reward(const RewardWords& words) {
  RewardKeys keys;
  OptionTable table;
  keys.declare(table);
  table.set_all(words.sets);
  RewardOptions options = keys.reward;
  add_model_rewards(options, "auto");
  const std::unique_ptr<Reward> reward = make_reward(words.name, options);
  std::vector<RewardInput> waiting;
  std::map<std::string, int64_t> groups;
  try {
    for_each_line(std::cin, [&](const std::string& line, const std::string& where) {
      RewardInput in = input_of(line, where);
      const bool all = reward->needs_groups();
      if (all) in.group = groups.emplace(in.prompt, static_cast<int64_t>(groups.size())).first->second;
      waiting.push_back(std::move(in));
      if (!all && (waiting.size() == kMostAtOnce || std::cin.rdbuf()->in_avail() <= 0))
        judge_and_print(*reward, waiting);
    });
  } catch (const Error&) {  // what stands before a bad line counts
    judge_and_print(*reward, waiting);
    throw;
  }
  judge_and_print(*reward, waiting);
  return 0;
}

}  // namespace

void add_reward_verb(CLI::App& app, std::function<int()>& action) {
  CLI::App* verb = app.add_subcommand("reward", "JSON lines {\"completion\",...} to {\"verdict\",\"score\",...}");
  // Shared by the verb's flags and by what it runs.
  const auto words = std::make_shared<RewardWords>();
  verb->add_option("name", words->name, fmt::format("{}; joined by +, weighted by *", fmt::join(reward_names(), ", ")))
      ->required();
  verb->add_flag("--json", words->json, "JSON lines (always so)");
  verb->add_option_function<std::vector<std::string>>(
          "--set",
          [words](const std::vector<std::string>& all) {
            for (const std::string& one : all) words->sets.push_back(split_assignment(one));
          },
          "key=value, repeatable")
      ->take_all()
      ->expected(1)
      ->type_name("KEY=VALUE");
  RewardKeys keys;
  OptionTable table;
  keys.declare(table);
  verb->footer("Keys for --set key=value, with their defaults:\n" + table.help());
  verb->callback([words, &action] { action = [words] { return run_reward(*words); }; });
}

}  // namespace r1
