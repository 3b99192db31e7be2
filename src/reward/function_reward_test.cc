// Users' functions, as they write them for TRL, verl and OpenRLHF; and what goes wrong in them.
#include "reward/function_reward.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

class FunctionReward : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("r1_function_" + std::to_string(getpid()) + "_" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // The path of a file with this Python in it.
  std::string python(const std::string& body, const std::string& name = "my_rewards.py") const {
    std::ofstream(folder_ / name) << body;
    return (folder_ / name).string();
  }
  static std::unique_ptr<Reward> reward(const std::string& spec, double timeout = 120) {
    RewardOptions options;
    options.timeout_seconds = timeout;
    return make_reward(spec, options);
  }

  std::filesystem::path folder_;
};

RewardInput function_input(const std::string& completion, const Json& row = Json::object(), int64_t group = -1) {
  RewardInput in;
  in.prompt = "rendered ";
  in.completion = completion;
  in.row = row;
  in.group = group;
  return in;
}

std::vector<RewardInput> function_inputs(std::initializer_list<std::string> completions) {
  std::vector<RewardInput> out;
  for (const std::string& c : completions) out.push_back(function_input(c));
  return out;
}

double elapsed(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST_F(FunctionReward, TrlGetsColumnsPromptsIdsAndState) {
  const std::string file = python(R"py(
def right(prompts, completions, completion_ids, trainer_state, answer, **kwargs):
    assert prompts == ["rendered ", "rendered "], prompts
    assert completion_ids == [[7, 8], []]
    assert trainer_state.global_step == 3 and trainer_state.max_steps == 10
    assert "completion" not in kwargs and kwargs["level"] == [1, None], kwargs
    kwargs["log_extra"]("extracted", [c.upper() for c in completions])
    kwargs["log_extra"]("length", [len(c) for c in completions])
    kwargs["log_metric"]("mean", 0.25)
    return [1.0 if c == a else -0.5 for c, a in zip(completions, answer)]
)py");
  std::vector<RewardInput> inputs = {
      function_input("ab", {{"answer", "ab"}, {"level", 1}, {"completion", "not this one"}}),
      function_input("abc", {{"answer", "x"}})};
  for (RewardInput& in : inputs) in.step = 3, in.max_steps = 10;
  inputs[0].completion_ids = {7, 8};
  const auto v = reward("trl:" + file + ":right")->judge(inputs);
  EXPECT_EQ(v[0].outcome, Outcome::correct) << v[0].reason;
  EXPECT_EQ(v[0].score, 1);
  EXPECT_EQ(v[0].extracted, "AB");
  EXPECT_EQ(v[1].outcome, Outcome::wrong);
  EXPECT_EQ(v[1].score, -0.5);
  EXPECT_EQ(v[1].parts,
            (std::vector<std::pair<std::string, double>>{{"right", -0.5}, {"right/length", 3}, {"right/mean", 0.25}}));
}

TEST_F(FunctionReward, TrlConversationsAreMessages) {
  const std::string file = python(R"py(
def fmt(completions, prompts):
    assert prompts[0][-1] == {"role": "user", "content": "2+2?"}, prompts
    return [float(c[0]["content"] == "4" and c[0]["role"] == "assistant") for c in completions]
)py");
  const Json messages = {{{"role", "user"}, {"content", "2+2?"}}};
  const Json answered = {messages[0], {{"role", "assistant"}, {"content", "5"}}};
  const auto v = reward("trl:" + file + ":fmt")
                     ->judge(std::vector{function_input("4", {{"prompt", messages}}),
                                         function_input("4", {{"messages", answered}})});
  EXPECT_EQ(v[0].score, 1) << v[0].reason;
  EXPECT_EQ(v[1].score, 1) << v[1].reason;
}

TEST_F(FunctionReward, TrlFunctionsSeeAllSamplesPromptByPrompt) {
  const std::string file = python(
      "def order(completions, **kwargs):\n"
      "    assert completions == ['a0', 'a1', 'b0', 'b1'], completions\n"
      "    return list(range(1, 5))\n");
  const auto r = reward("trl:" + file + ":order");
  EXPECT_TRUE(r->needs_groups());
  const auto v = r->judge(std::vector{function_input("b0", {}, 1), function_input("a0", {}, 0),
                                      function_input("b1", {}, 1), function_input("a1", {}, 0)});
  EXPECT_EQ(v[0].score, 3) << v[0].reason;
  EXPECT_EQ(v[1].score, 1);
  EXPECT_EQ(v[2].score, 4);
  EXPECT_EQ(v[3].score, 2);
}

TEST_F(FunctionReward, TrlAsyncNoneAndNumbersOfEveryKind) {
  const std::string file = python(R"py(
import asyncio
class Tensor:
    def __init__(self, x): self.x = x
    def tolist(self): return self.x
async def fn(completions, **kwargs):
    await asyncio.sleep(0.01)
    return [eval(c) for c in completions]
)py");
  const auto v = reward("trl:" + file + ":fn")
                     ->judge(function_inputs({"None", "float('nan')", "True", "Tensor(0.5)", "Tensor([2])", "'1'",
                                              "float('inf')", "10**400", "object()", "[1, 2]", "0"}));
  for (const size_t i : {0, 1}) {
    EXPECT_EQ(v[i].outcome, Outcome::failed) << i;
    EXPECT_TRUE(v[i].left_out) << i;
  }
  EXPECT_EQ(v[2].score, 1);
  EXPECT_EQ(v[3].score, 0.5);
  EXPECT_EQ(v[4].score, 2);
  for (const size_t i : {5, 6, 7, 8, 9}) {
    EXPECT_EQ(v[i].outcome, Outcome::failed) << i;
    EXPECT_FALSE(v[i].left_out) << i;
    EXPECT_NE(v[i].reason.find("error"), std::string::npos) << v[i].reason;
  }
  EXPECT_EQ(v[10].outcome, Outcome::wrong);
}

TEST_F(FunctionReward, WhatDoesNotApplyIsLeftOutOfTheSum) {
  const std::string file = python(
      "def some(completions, **kwargs):\n"
      "    return [None if 'skip' in c else 1.0 for c in completions]\n");
  const Json row = {{"answer", "42"}};
  const std::vector<RewardInput> inputs = {function_input("\\boxed{42}", row), function_input("skip \\boxed{42}", row)};
  for (const std::string& spec : {"math+trl:" + file + ":some*0.5", "trl:" + file + ":some:0.5+math"}) {
    const auto v = reward(spec)->judge(inputs);
    EXPECT_EQ(v[0].score, 1.5) << spec << v[0].reason;
    EXPECT_EQ(v[1].score, 1) << spec << v[1].reason;
    EXPECT_EQ(v[1].outcome, Outcome::correct) << spec;
    EXPECT_EQ(v[1].extracted, "42") << spec;
    EXPECT_FALSE(v[1].left_out);
    for (const auto& [name, score] : v[1].parts) EXPECT_EQ(std::isnan(score), name == "some") << name;
  }
  const auto alone = reward("trl:" + file + ":some+trl:" + file + ":some")->judge(inputs);
  EXPECT_EQ(alone[0].score, 2);
  EXPECT_EQ(alone[1].outcome, Outcome::failed) << "nothing applies";
}

TEST_F(FunctionReward, VerlRowsAndDicts) {
  const std::string file = python(R"py(
def compute_score(data_source, solution_str, ground_truth, extra_info=None, strict=False):
    assert data_source == "gsm8k" and extra_info["index"] == 5 and extra_info["num_turns"] == 1
    if strict: return {"score": -1.0, "acc": False, "pred": solution_str, "format": 0.5}
    return float(solution_str == ground_truth)
async def later(data_source, solution_str, ground_truth, extra_info):
    return {"score": 0.25, "acc": solution_str == ground_truth}
)py");
  const Json row = {{"data_source", "gsm8k"},
                    {"reward_model", {{"style", "rule"}, {"ground_truth", "72"}}},
                    {"extra_info", {{"index", 5}}}};
  const std::vector<RewardInput> inputs = {function_input("72", row), function_input("7", row)};
  const auto v = reward("verl:" + file)->judge(inputs);
  EXPECT_EQ(v[0].score, 1) << v[0].reason;
  EXPECT_EQ(v[1].outcome, Outcome::wrong) << v[1].reason;
  const auto strict = reward("verl:" + file + ":compute_score?strict=true*2")->judge(inputs);
  EXPECT_EQ(strict[0].score, -2) << strict[0].reason;
  EXPECT_EQ(strict[0].outcome, Outcome::wrong);
  EXPECT_EQ(strict[0].extracted, "72");
  EXPECT_EQ(strict[0].parts[2], std::pair(std::string("compute_score/format"), 0.5));
  const auto later = reward("verl:" + file + ":later")->judge(inputs);
  EXPECT_EQ(later[0].outcome, Outcome::correct) << later[0].reason;
  EXPECT_EQ(later[1].outcome, Outcome::wrong);
  EXPECT_EQ(later[1].score, 0.25);
}

TEST_F(FunctionReward, OpenRlhfListsOfOne) {
  const std::string file = python(R"py(
class Tensor:
    def __init__(self, x): self.x = x
    def tolist(self): return self.x
def reward_func(queries, prompts, labels, **kwargs):
    assert queries == [prompts[0] + "4"] and prompts == ["rendered "], (queries, prompts)
    r = float(labels[0] == "4")
    if kwargs.get("plain"): return Tensor([r])
    return {"rewards": Tensor([r - 2]), "scores": Tensor([r]), "extra_logs": {"len": Tensor([3.0]), "what": "?"}}
)py");
  const std::vector<RewardInput> inputs = {function_input("4", {{"label", "4"}}),
                                           function_input("4", {{"answer", "5"}})};
  const auto v = reward("openrlhf:" + file)->judge(inputs);
  EXPECT_EQ(v[0].score, -1) << v[0].reason;
  EXPECT_EQ(v[0].outcome, Outcome::correct) << "scores say so";
  EXPECT_EQ(v[1].outcome, Outcome::wrong);
  EXPECT_EQ(v[0].parts.back(), std::pair(std::string("reward_func/len"), 3.0));
  EXPECT_EQ(reward("openrlhf:" + file + "?plain=1")->judge(inputs)[0].score, 1);
}

TEST_F(FunctionReward, PrintsAndExitsAndCrashesCostTheirSampleAlone) {
  const std::string body = R"py(
import os, sys, signal
def act(c):
    print("noise {\"id\":1,\"rewards\":[9]}"); sys.stdout.flush(); os.write(1, b"more noise\n")
    if c == "raise": raise KeyError("no")
    if c == "exit": os._exit(0)
    if c == "sys.exit": sys.exit(1)
    if c == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if c == "close": os.closerange(0, 100); return 5.0
    if c == "surrogate": raise ValueError("\ud800")
    return 1.0
def f(completions, **kwargs): return [act(c) for c in completions]
def compute_score(data_source, solution_str, ground_truth, extra_info): return act(solution_str)
)py";
  const std::string file = python(body);
  for (const std::string& spec : {"trl:" + file + ":f", "verl:" + file}) {
    const auto r = reward(spec);
    for (int call = 0; call < 2; call++) {
      const auto v =
          r->judge(function_inputs({"a", "raise", "b", "exit", "sys.exit", "kill", "c", "close", "surrogate", "d"}));
      for (const size_t i : {0, 2, 6, 9}) EXPECT_EQ(v[i].score, 1) << spec << i << v[i].reason;
      for (const size_t i : {1, 3, 4, 5, 7, 8}) {
        EXPECT_EQ(v[i].outcome, Outcome::failed) << spec << i;
        EXPECT_FALSE(v[i].reason.empty());
      }
      EXPECT_NE(v[1].reason.find("KeyError: 'no'"), std::string::npos) << v[1].reason;
      EXPECT_NE(v[3].reason.find("exit code 0"), std::string::npos) << v[3].reason;
      EXPECT_NE(v[5].reason.find("signal 9"), std::string::npos) << v[5].reason;
    }
  }
}

using FunctionRewardSlow = FunctionReward;  // they wait

TEST_F(FunctionRewardSlow, AHangCostsItsSampleAndTheCallEndsInTime) {
  const std::string body = R"py(
import time, asyncio, signal
def act(c):
    if c == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: time.sleep(1000)
    return 1.0
def f(completions, **kwargs): return [act(c) for c in completions]
def compute_score(data_source, solution_str, ground_truth, extra_info): return act(solution_str)
async def later(data_source, solution_str, ground_truth, extra_info):
    if solution_str == "hang": await asyncio.sleep(1000)
    return 1.0
)py";
  const std::string file = python(body);
  for (const std::string& spec : {"trl:" + file + ":f", "verl:" + file, "verl:" + file + ":later"}) {
    const auto r = reward(spec, 8);
    const auto start = std::chrono::steady_clock::now();
    const auto v = r->judge(function_inputs({"a", "hang", "b", "c"}));
    EXPECT_LT(elapsed(start), 60) << spec;  // the hang is of 1,000 s; the machine may be busy
    for (const size_t i : {0, 2, 3}) EXPECT_EQ(v[i].score, 1) << spec << i << v[i].reason;
    EXPECT_EQ(v[1].outcome, Outcome::failed) << spec;
    EXPECT_NE(v[1].reason.find("within"), std::string::npos) << v[1].reason;
  }
}

TEST_F(FunctionRewardSlow, SleepersInALargeBatch) {
  const std::string file = python(
      "import time\n"
      "def compute_score(solution_str, **kw):\n"
      "    if int(solution_str) in (5, 30, 63): time.sleep(1000)\n"
      "    return 1.0\n");
  std::vector<RewardInput> inputs;
  for (int i = 0; i < 64; i++) inputs.push_back(function_input(std::to_string(i)));
  const auto r = reward("verl:" + file, 12);
  const auto start = std::chrono::steady_clock::now();
  const auto v = r->judge(inputs);
  EXPECT_LT(elapsed(start), 13);
  for (size_t i = 0; i < v.size(); i++)
    EXPECT_EQ(v[i].outcome, i == 5 || i == 30 || i == 63 ? Outcome::failed : Outcome::correct) << i << v[i].reason;
  EXPECT_EQ(r->judge({inputs.data(), 1})[0].score, 1) << "and the worker is there again";
}

TEST_F(FunctionReward, FaultsAreCountedExactlyAndNeverScore) {
  const std::string file = python(R"py(
import os
def f(completions, **kwargs):
    if any(int(c) % 10 == 3 for c in completions): raise RuntimeError("bad sample")
    return [int(c) % 2 for c in completions]
tries = {}
def compute_score(data_source, solution_str, ground_truth, extra_info):
    n = int(solution_str); tries[n] = tries.get(n, 0) + 1
    if n % 10 == 3: raise RuntimeError("bad sample")
    if n % 10 == 5 and tries[n] == 1: raise RuntimeError("a passing trouble")
    return n % 2
)py");
  std::vector<RewardInput> inputs;
  for (int i = 0; i < 64; i++) inputs.push_back(function_input(std::to_string(i), {}, i / 8));
  for (const std::string& spec : {"trl:" + file + ":f", "verl:" + file}) {
    const auto v = reward(spec)->judge(inputs);
    for (size_t i = 0; i < v.size(); i++)
      EXPECT_EQ(v[i].outcome, i % 10 == 3  ? Outcome::failed
                              : i % 2 == 1 ? Outcome::correct
                                           : Outcome::wrong)
          << spec << i << v[i].reason;
  }
}

TEST_F(FunctionReward, WrongResultsAreFailuresOfAll) {
  const std::string file = python(
      "def short(completions, **kw): return [1.0]\n"
      "def text(completions, **kw): return 'ab'\n"
      "def nothing(completions, **kw): pass\n"
      "def compute_score(**kw): return {'reward': 1}\n");
  for (const char* name : {"trl:%:short", "trl:%:text", "trl:%:nothing", "verl:%"}) {
    std::string spec = name;
    spec.replace(spec.find('%'), 1, file);
    const auto v = reward(spec)->judge(function_inputs({"a", "b"}));
    if (std::string_view(name) == "trl:%:short") {
      EXPECT_EQ(v[0].score, 1) << "alone, one reward is right";
      continue;
    }
    for (const Verdict& one : v) {
      EXPECT_EQ(one.outcome, Outcome::failed) << spec;
      EXPECT_FALSE(one.reason.empty());
    }
  }
}

TEST_F(FunctionReward, LargeAndBrokenTextPassesThrough) {
  const std::string file = python(
      "def compute_score(data_source, solution_str, ground_truth, extra_info):\n"
      "    return len(solution_str)\n");
  std::vector<RewardInput> inputs = {function_input(std::string(10 << 20, 'x')),
                                     function_input(std::string("a\xff\xfe") + "b"),
                                     function_input(std::string("\0\n\"", 3))};
  const auto v = reward("verl:" + file)->judge(inputs);
  EXPECT_EQ(v[0].score, 10 << 20) << v[0].reason;
  EXPECT_EQ(v[1].score, 4);
  EXPECT_EQ(v[2].score, 3);
}

TEST_F(FunctionReward, WhatCannotBeLoadedStopsTheRunBeforeItBegins) {
  const std::string file = python("def compute_score(**kw): return 1\ndef other(): pass\nx = 3\n");
  const std::string broken = python("import no_such_module_here\n", "broken.py");
  const std::string leaves = python("import os\nos._exit(3)\n", "leaves.py");
  for (const std::string& spec :
       {"trl:" + file, "trl:" + file + ":missing", "trl:" + file + ":x", std::string("verl:/no/such/file.py"),
        std::string("openrlhf:"), "verl:" + file + ":compute_score?strict", std::string("openrlhf+ftp://a/b"),
        std::string("openrlhf+http://")})
    EXPECT_THROW(reward(spec), UsageError) << spec;
  try {
    reward("trl:" + file + ":missing");
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("it has compute_score, other"), std::string::npos) << e.what();
  }
  for (const std::string& path : {broken, leaves}) {
    try {
      reward("verl:" + path);
      ADD_FAILURE() << path;
    } catch (const UsageError& e) {
      ADD_FAILURE() << e.what();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(path == broken ? "no_such_module_here" : "exit code 3"), std::string::npos)
          << e.what();
    }
  }
  RewardOptions options;
  options.python = "/no/such/python";
  EXPECT_THROW(make_reward("verl:" + file, options), Error);
}

TEST_F(FunctionReward, EveryVerdictIsWrittenDown) {
  const std::string file = python(
      "def compute_score(solution_str, **kw):\n"
      "    return 1 / int(solution_str)\n");
  RewardOptions options;
  options.code.journal = (folder_ / "verdicts.jsonl").string();
  make_reward("verl:" + file, options)->judge(function_inputs({"2", "0"}));
  std::ifstream lines(options.code.journal);
  std::string line;
  std::vector<Json> rows;
  while (std::getline(lines, line)) rows.push_back(Json::parse(line));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["score"], 0.5);
  EXPECT_EQ(rows[0]["by"], "verl:" + file);
  EXPECT_EQ(rows[1]["verdict"], "failed");
  EXPECT_TRUE(rows[1]["score"].is_null());
  EXPECT_NE(rows[1]["reason"].get<std::string>().find("ZeroDivisionError"), std::string::npos);
}

}  // namespace
}  // namespace r1
