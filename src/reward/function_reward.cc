#include "reward/function_reward.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "reward/functions/embedded.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

enum class Adapter { trl, verl, openrlhf, rg };
constexpr std::pair<const char*, Adapter> kAdapters[] = {
    {"trl", Adapter::trl}, {"verl", Adapter::verl}, {"openrlhf", Adapter::openrlhf}, {"rg", Adapter::rg}};

struct FunctionSpec {
  Adapter adapter = Adapter::trl;
  std::string adapter_name, target;
  Json kwargs;
};

FunctionSpec read_spec(const std::string& spec) {
  FunctionSpec out;
  std::string head;
  out.kwargs = query_arguments(spec, head);
  const size_t colon = head.find(':');
  out.adapter_name = head.substr(0, colon);
  for (const auto& [name, adapter] : kAdapters)
    if (out.adapter_name == name) out.adapter = adapter;
  out.target = head.substr(colon + 1);
  const bool named = out.target.find(':') != std::string::npos;
  if (out.target.empty() || (out.adapter == Adapter::trl && !named))
    fail_usage("reward {}: expected {}", spec,
               out.adapter == Adapter::trl ? "trl:FILE.py:FUNCTION"
               : out.adapter == Adapter::rg
                   ? "rg:TASK"
                   : out.adapter_name + ":FILE.py or " + out.adapter_name + ":FILE.py:FUNCTION");
  return out;
}

ChildCommand worker_command(const std::string& python) {
  if (python.empty()) fail_usage("reward_python is empty; expected an interpreter, as python3");
  return {.words = {python, "-c", std::string(reward_worker_script())}, .input = 3, .output = 4};
}

class FunctionReward : public WorkerReward {
 public:
  FunctionReward(const FunctionSpec& spec, const RewardOptions& options)
      : WorkerReward(spec.adapter_name + ":" + spec.target, worker_command(options.python), options.timeout_seconds),
        spec_(spec) {
    start(Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_seconds())));
    if (spec_.adapter != Adapter::rg) name_ = function_name_;
  }
  // TRL's functions may compare the samples of a prompt.
  bool needs_groups() const override { return spec_.adapter == Adapter::trl; }

  std::vector<Json> items(int64_t most) {
    constexpr int64_t kAtOnce = 200;
    std::vector<Json> out;
    for (int64_t size = most; static_cast<int64_t>(out.size()) < std::min(most, size);) {
      const Json reply = ask({{"op", "items"}, {"first", out.size()}, {"count", kAtOnce}});
      const Json list = reply.value("items", Json::array());
      size = reply.value("size", int64_t{0});
      if (!list.is_array() || list.empty()) fail("{}: no items", name_);
      for (const Json& item : list) out.push_back(item);
    }
    return out;
  }

 protected:
  bool greet(Clock::time_point until) override {
    greeted_ = false;
    say({{"v", 1},
         {"op", "init"},
         {"adapter", spec_.adapter_name},
         {"target", spec_.target},
         {"kwargs", spec_.kwargs},
         {"seed", 0}});
    const Json reply = hear(until);
    if (reply.is_null()) fail("reward {}: the interpreter ended while loading it ({})", name_, child_->why());
    if (reply.value("op", "") != "ready") refuse(reply);
    function_name_ = reply.value("name", name_);
    is_async_ = reply.value("async", false);
    const Json params = reply.value("params", Json::array());
    const auto asks = [&](const char* name) { return std::find(params.begin(), params.end(), name) != params.end(); };
    wants_ids_ = spec_.adapter == Adapter::trl && (asks("completion_ids") || asks("**"));
    return greeted_ = true;
  }

  std::vector<WorkerUnit> units_of(std::span<const RewardInput> inputs) const override {
    std::vector<WorkerUnit> out;
    if (inputs.empty()) return out;
    if (spec_.adapter == Adapter::trl || is_async_) {
      out.emplace_back().members.resize(inputs.size());
      std::vector<size_t>& all = out[0].members;
      std::iota(all.begin(), all.end(), size_t{0});
      std::stable_sort(all.begin(), all.end(), [&](size_t a, size_t b) { return inputs[a].group < inputs[b].group; });
    } else {
      for (size_t i = 0; i < inputs.size(); i++) out.push_back({.members = {i}});
    }
    return out;
  }

  Json request(const Question& q) const override {
    Json prompts = Json::array(), completions = Json::array(), ids = Json::array();
    for (const size_t i : q.unit.members) {
      const RewardInput& in = q.inputs[i];
      const bool messages = spec_.adapter == Adapter::trl && is_conversational(in);
      prompts.push_back(messages ? prompt_messages(in) : plain_prompt(in));
      completions.push_back(messages ? completion_messages(in) : Json(in.completion));
      ids.push_back(in.completion_ids);
    }
    Json out = {
        {"op", "score"}, {"id", q.id}, {"limit", q.patience}, {"prompts", prompts}, {"completions", completions}};
    out["step"] = q.inputs[q.unit.members[0]].step, out["max_steps"] = q.inputs[q.unit.members[0]].max_steps;
    out["columns"] = columns_of(q.inputs, q.unit.members);
    if (wants_ids_) out["completion_ids"] = std::move(ids);
    return out;
  }

 private:
  [[noreturn]] void refuse(const Json& reply) const {
    const Json error = reply.value("error", Json::object());
    const std::string message = error.value("message", "no reply to init"), type = error.value("type", "");
    if (reply.value("usage", false)) fail_usage("reward {}: {}", name_, message);
    fail("reward {}: {}: {}\n{}", name_, type, message, error.value("traceback", ""));
  }

  // TRL's plain prompt is the row's; one that a template made stands where the row has none.
  Json plain_prompt(const RewardInput& in) const {
    if (spec_.adapter == Adapter::trl && in.row.is_object() && in.row.contains("prompt") &&
        in.row["prompt"].is_string())
      return in.row["prompt"];
    return in.prompt;
  }

  static Json prompt_messages(const RewardInput& in) {
    if (in.row.contains("prompt") && in.row["prompt"].is_array()) return in.row["prompt"];
    Json out = Json::array();
    if (in.row.contains("messages") && in.row["messages"].is_array()) {
      out = in.row["messages"];
      while (!out.empty() && out.back().is_object() && out.back().value("role", Json()) == "assistant")
        out.erase(out.size() - 1);
    } else {
      out.push_back({{"role", "user"}, {"content", in.prompt}});
    }
    return out;
  }

  static Json completion_messages(const RewardInput& in) {
    if (in.row.contains("completion") && in.row["completion"].is_array()) {
      std::string text;  // kept as it is where it says what was judged
      for (const Json& m : in.row["completion"])
        if (m.is_object() && m.contains("content") && m["content"].is_string()) text += m["content"].get<std::string>();
      if (text == in.completion) return in.row["completion"];
    }
    return Json::array({{{"role", "assistant"}, {"content", in.completion}}});
  }

  const FunctionSpec spec_;
  std::string function_name_;
  bool is_async_ = false, wants_ids_ = false;
};

}  // namespace

bool is_conversational(const RewardInput& in) {
  if (!in.row.is_object()) return false;
  for (const char* key : {"prompt", "completion", "messages"})
    if (in.row.contains(key)) return in.row[key].is_array();
  return false;
}

bool is_function_spec(const std::string& spec) {
  return std::any_of(std::begin(kAdapters), std::end(kAdapters),
                     [&](const auto& a) { return spec.starts_with(std::string(a.first) + ":"); });
}

Json query_arguments(const std::string& spec, std::string& head) {
  Json out = Json::object();
  const size_t query = spec.find('?');
  head = spec.substr(0, query);
  for (size_t at = query; at != std::string::npos;) {
    const size_t end = spec.find('&', ++at);
    const std::string pair = spec.substr(at, end == std::string::npos ? end : end - at);
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) fail_usage("{}: \"{}\" is no key=value", spec, pair);
    const std::string text = pair.substr(equals + 1);
    Json value = Json::parse(text, nullptr, false);
    out[pair.substr(0, equals)] = value.is_discarded() ? Json(text) : std::move(value);
    at = end;
  }
  return out;
}

std::unique_ptr<Reward> make_function_reward(const std::string& spec, const RewardOptions& options) {
  return std::make_unique<FunctionReward>(read_spec(spec), options);
}

std::vector<Json> reasoning_gym_items(const std::string& spec, int64_t size, uint64_t seed,
                                      const RewardOptions& options) {
  FunctionSpec parsed = read_spec(spec);
  if (!parsed.kwargs.contains("size")) parsed.kwargs["size"] = size;
  if (!parsed.kwargs.contains("seed")) parsed.kwargs["seed"] = seed;
  const Json& asked = parsed.kwargs["size"];
  if (!asked.is_number_unsigned() || asked.get<uint64_t>() < 1 || asked.get<uint64_t>() > 10'000'000)
    fail_usage("{}: a size of {}; expected 1 to 10000000", spec, asked.dump());
  return FunctionReward(parsed, options).items(asked.get<int64_t>());
}

}  // namespace r1
