#include "reward/exec_reward.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

class ExecReward : public WorkerReward {
 public:
  ExecReward(const std::string& command, double timeout)
      : WorkerReward("exec", {.words = {"/bin/sh", "-c", command}}, timeout), command_(command) {
    if (command_.find_first_not_of(" \t") == std::string::npos)
      fail_usage("reward exec: needs a command, as in exec:./my_reward.py");
  }

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out = WorkerReward::judge(inputs);
    const bool answered =
        std::any_of(out.begin(), out.end(), [](const Verdict& v) { return v.outcome != Outcome::failed; });
    if (guessed_ && !answered) {  // it may have been slow to start: the next call asks anew
      speech_ = Speech::unknown;
      child_.reset();
    }
    if (answered || speech_ == Speech::unknown) guessed_ = false;
    return out;
  }

 protected:
  // The hello is an ordinary line to a program for single samples: its answer tells what it is. One that is silent for
  // half of the time is taken for one that hangs on this sample.
  bool greet(Clock::time_point until) override {
    greeted_ = false;
    if (speech_ == Speech::samples) return true;
    Json hello = {{"id", fresh_id()},         {"v", 1},   {"op", "init"}, {"adapter", "exec"}, {"target", command_},
                  {"kwargs", Json::object()}, {"seed", 0}};
    hello.update(sample(asked()[0]));
    say(hello);
    const Clock::time_point patience = speech_ == Speech::batches ? until : Clock::now() + (until - Clock::now()) / 2;
    Json reply;
    try {
      reply = hear(patience);
    } catch (const Error&) {
      if (speech_ == Speech::batches || Clock::now() < patience) throw;
      guessed_ = true;
      speech_ = Speech::samples;
      return false;
    }
    const std::string op =
        reply.is_object() && reply.contains("op") && reply["op"].is_string() ? reply["op"] : Json("");
    if (op == "ready") {
      speech_ = Speech::batches;
      return greeted_ = true;
    }
    if (op == "error" || speech_ == Speech::batches)
      fail("reward exec: {} is not ready: {}", command_,
           reply.is_null() ? child_->why() : reply.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 400));
    speech_ = Speech::samples;
    return false;  // once more, for real lines alone
  }

  std::vector<WorkerUnit> units_of(std::span<const RewardInput> inputs) const override {
    std::vector<WorkerUnit> out;
    if (inputs.empty()) return out;
    if (speech_ == Speech::batches) {
      out.emplace_back().members.resize(inputs.size());
      std::iota(out[0].members.begin(), out[0].members.end(), size_t{0});
    } else {
      for (size_t i = 0; i < inputs.size(); i++) out.push_back({.members = {i}});
    }
    return out;
  }

  Json request(const Question& q) const override {
    const RewardInput& first = q.inputs[q.unit.members[0]];
    if (speech_ == Speech::samples) {
      Json out = {{"id", q.id}};
      out.update(sample(first));
      return out;
    }
    Json out = {{"op", "score"}, {"id", q.id}, {"step", first.step}};
    out["columns"] = columns_of(q.inputs, q.unit.members);
    for (const size_t i : q.unit.members) {
      out["prompts"].push_back(q.inputs[i].prompt);
      out["completions"].push_back(q.inputs[i].completion);
      out["num_tokens"].push_back(q.inputs[i].num_tokens);
      out["truncated"].push_back(q.inputs[i].truncated);
      out["completion_ids"].push_back(q.inputs[i].completion_ids);
    }
    return out;
  }

 private:
  static Json sample(const RewardInput& in) {
    return {{"prompt", in.prompt},
            {"completion", in.completion},
            {"num_tokens", in.num_tokens},
            {"truncated", in.truncated},
            {"row", in.row}};
  }

  enum class Speech { unknown, batches, samples };
  const std::string command_;
  Speech speech_ = Speech::unknown;
  bool guessed_ = false;  // that it is for single samples, as it did not answer the hello
};

}  // namespace

std::unique_ptr<Reward> make_exec_reward(const std::string& command, double timeout_seconds) {
  return std::make_unique<ExecReward>(command, timeout_seconds);
}

}  // namespace r1
