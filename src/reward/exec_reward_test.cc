#include "reward/exec_reward.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "reward/child_process.h"

namespace r1 {
namespace {

class ExecReward : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("r1_exec_" + std::to_string(getpid()) + "_" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // A Python program whose body sees `r`, the request, and answers by say(id, score, **more).
  std::string python(const std::string& body) const {
    std::ofstream(path("reward.py")) << "import json, os, signal, sys\n"
                                        "def say(id, score, **more):\n"
                                        "    print(json.dumps(dict(more, id=id, score=score)))\n"
                                        "calls = 0\n"
                                        "for line in sys.stdin:\n"
                                        "    r = json.loads(line); calls += 1\n"
                                     << body;
    return "exec python3 -S " + path("reward.py");
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path folder_;
};

std::vector<RewardInput> inputs_of(std::initializer_list<std::string> completions) {
  std::vector<RewardInput> out;
  for (const std::string& c : completions)
    out.push_back({.prompt = "p", .completion = c, .prefilled = "", .num_tokens = 3, .row = {{"answer", "42"}}});
  return out;
}

bool alive(pid_t pid) {
  for (int i = 0; i < 200; i++) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    if (text.empty() || text.find(") Z ") != std::string::npos) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST_F(ExecReward, GivesTheProgramEverythingAndReadsItsVerdicts) {
  const auto reward = make_exec_reward(
      python("    ok = r['completion'] == r['row']['answer'] and r['prompt'] == 'p' and r['num_tokens'] == 3 and "
             "r['truncated'] is False\n"
             "    say(r['id'], 0.5 if ok else -1, reason='seen ' + r['completion'])\n"),
      30);
  for (int call = 0; call < 3; call++) {
    const auto v = reward->judge(inputs_of({"42", "43"}));
    ASSERT_EQ(v.size(), 2u);
    EXPECT_EQ(v[0].outcome, Outcome::correct);
    EXPECT_EQ(v[0].score, 0.5);
    EXPECT_EQ(v[0].reason, "seen 42");
    EXPECT_EQ(v[1].outcome, Outcome::wrong);
    EXPECT_EQ(v[1].score, -1);
  }
  EXPECT_TRUE(reward->judge({}).empty());
}

TEST_F(ExecReward, OneProcessServesAllCalls) {
  const auto reward = make_exec_reward(python("    say(r['id'], calls)\n"), 30);
  EXPECT_EQ(reward->judge(inputs_of({"a", "b"}))[1].score, 2);
  EXPECT_EQ(reward->judge(inputs_of({"a"}))[0].score, 3);
}

TEST_F(ExecReward, RepliesMayComeInAnyOrderAndTwice) {
  const auto reward = make_exec_reward(python("    if 'op' in r: print('{}'); continue\n"
                                              "    rs = globals().setdefault('rs', []); rs.append(r)\n"
                                              "    if len(rs) == 3:\n"
                                              "        for q in reversed(rs):\n"
                                              "            say(q['id'], int(q['completion'])); say(q['id'], 99)\n"
                                              "        say(12345, 7); say(rs[0]['id'] - 1 if rs[0]['id'] else 777, 7)\n"
                                              "        rs.clear()\n"),
                                       30);
  for (int call = 0; call < 2; call++) {
    const auto v = reward->judge(inputs_of({"1", "2", "3"}));
    for (size_t i = 0; i < 3; i++) EXPECT_EQ(v[i].score, static_cast<double>(i + 1));
  }
}

TEST_F(ExecReward, OutcomesAndScoresOfEveryKind) {
  const auto reward = make_exec_reward(python("    i = r['id']\n    exec(r['completion'])\n"), 30);
  const auto v = reward->judge(inputs_of({
      "say(i, None)",                                                          // 0
      "say(i, float('nan'))",                                                  // 1
      "say(i, float('inf'), reason='NaN \" Infinity')",                        // 2
      "say(i, True)",                                                          // 3
      "say(i, 0, outcome='no_answer')",                                        // 4
      "say(i, 0, outcome='failed', reason='broken')",                          // 5
      "say(i, 0, outcome='Correct')",                                          // 6
      "say(i, 1, verdict='right')",                                            // 7
      "say(i, 1, verdict='unverifiable')",                                     // 8
      "print(json.dumps({'id': i, 'error': {'type': 'KeyError'}}))",           // 9
      "print(json.dumps({'id': i}))",                                          // 10
      "say(i, '1')",                                                           // 11
      "say(i, [1])",                                                           // 12
      "print(json.dumps({'id': i, 'reward': 2, 'reason': '\\u00e9' * 600}))",  // 13
      "say(i, -0.25, outcome=None)",                                           // 14
  }));
  for (size_t i : {0, 1, 2, 5, 6, 8, 9, 10, 11, 12}) EXPECT_EQ(v[i].outcome, Outcome::failed) << i << v[i].reason;
  for (size_t i : {3, 7, 13}) EXPECT_EQ(v[i].outcome, Outcome::correct) << i;
  EXPECT_EQ(v[3].score, 1);
  EXPECT_EQ(v[4].outcome, Outcome::no_answer);
  EXPECT_EQ(v[5].reason, "broken");
  EXPECT_NE(v[6].reason.find("unknown outcome"), std::string::npos);
  EXPECT_NE(v[9].reason.find("KeyError"), std::string::npos);
  EXPECT_EQ(v[13].score, 2);
  EXPECT_EQ(v[13].reason.size(), 500u);
  EXPECT_EQ(v[14].outcome, Outcome::wrong);
  EXPECT_EQ(v[14].score, -0.25);
}

TEST_F(ExecReward, JunkBetweenRepliesIsPassedOver) {
  const auto reward =
      make_exec_reward(python("    print('hello'); print('{\"id\": }'); print('[1,2]'); print(); print('3')\n"
                              "    print(json.dumps({'id': 'a', 'score': 5}))\n"
                              "    print(json.dumps({'id': -1, 'score': 5}))\n"
                              "    sys.stdout.buffer.write(b'\\xff\\xfe\\x00\\n' + b'[' * 50000 + b'\\n')\n"
                              "    say(r['id'], 1)\n"),
                       30);
  for (const Verdict& v : reward->judge(inputs_of({"a", "b", "c"}))) EXPECT_EQ(v.score, 1) << v.reason;
}

TEST_F(ExecReward, AHangEndsWithTheTimeAndTheGroupIsKilled) {
  std::ofstream(path("stop.sh")) << ""
                                    "while read -r line; do\n"
                                    "  case $line in *hang*)\n"
                                    "    trap '' TERM HUP; sleep 1000 & echo $$ $! > " +
                                        path("pids") +
                                        "; echo thinking; wait;; esac\n"
                                        "  id=${line#*:}; echo '{\"id\":'${id%%,*}',\"score\":1}'\n"
                                        "done\n";
  const auto reward = make_exec_reward("exec sh " + path("stop.sh"), 12);
  const auto start = std::chrono::steady_clock::now();
  const auto v = reward->judge(inputs_of({"a", "hang", "b"}));
  EXPECT_LT(seconds_since(start), 13);
  for (size_t i : {0, 2}) EXPECT_EQ(v[i].outcome, Outcome::correct) << v[i].reason;
  EXPECT_EQ(v[1].outcome, Outcome::failed);
  EXPECT_NE(v[1].reason.find("no reply within 3 s; the last line that is no reply: thinking"), std::string::npos)
      << v[1].reason;
  std::istringstream pids(read("pids"));
  pid_t program = 0, child = 0;
  ASSERT_TRUE(pids >> program >> child);
  EXPECT_FALSE(alive(program));
  EXPECT_FALSE(alive(child));
  EXPECT_EQ(reward->judge(inputs_of({"a"}))[0].outcome, Outcome::correct);  // started again
}

// The hello carries the first sample: a program for single samples that hangs on it must not cost the others theirs.
TEST_F(ExecReward, AHangOnTheFirstSampleCostsThatSample) {
  const auto reward = make_exec_reward(
      python("    if r['completion'] == 'hang': import time; time.sleep(1000)\n    say(r['id'], 1)\n"), 12);
  const auto start = std::chrono::steady_clock::now();
  const auto v = reward->judge(inputs_of({"hang", "a", "b"}));
  EXPECT_LT(seconds_since(start), 13);
  EXPECT_EQ(v[0].outcome, Outcome::failed);
  for (size_t i : {1, 2}) EXPECT_EQ(v[i].outcome, Outcome::correct) << v[i].reason;
  EXPECT_EQ(reward->judge(inputs_of({"a"}))[0].outcome, Outcome::correct);
}

TEST_F(ExecReward, SilenceEndsWithTheTimeOfTheCall) {
  const auto reward = make_exec_reward("cat > /dev/null", 3);
  const auto start = std::chrono::steady_clock::now();
  for (const Verdict& v : reward->judge(inputs_of({"a", "b", "c"}))) EXPECT_EQ(v.outcome, Outcome::failed);
  EXPECT_LT(seconds_since(start), 4);
}

// A batch program that takes its time to start once is not taken for another kind for good.
TEST_F(ExecReward, ASlowStartIsForgiven) {
  std::ofstream(path("slow.py"))
      << "import json, sys, time\n"
         "starts = open('" +
             path("starts") +
             "', 'a+'); starts.write('x'); starts.seek(0)\n"
             "if len(starts.read()) < 3: starts.close(); time.sleep(1000)\n"
             "for line in sys.stdin:\n"
             "    r = json.loads(line)\n"
             "    if r['op'] == 'init': print(json.dumps({'op': 'ready'}))\n"
             "    else: print(json.dumps({'id': r['id'], 'rewards': [2] * len(r['prompts'])}))\n";
  const auto reward = make_exec_reward("exec python3 -S " + path("slow.py"), 2);
  EXPECT_EQ(reward->judge(inputs_of({"a", "b"}))[0].outcome, Outcome::failed);
  for (const Verdict& v : reward->judge(inputs_of({"a", "b"}))) EXPECT_EQ(v.score, 2) << v.reason;
}

TEST_F(ExecReward, ACrashCostsTheSampleNotTheBatch) {
  const auto reward =
      make_exec_reward(python("    if r['completion'] == 'crash': os.kill(os.getpid(), signal.SIGSEGV)\n"
                              "    if r['completion'] == 'exit': os._exit(3)\n"
                              "    if r['completion'] == 'throw': raise SystemExit(1)\n"
                              "    say(r['id'], 1)\n"),
                       30);
  const auto v = reward->judge(inputs_of({"a", "crash", "b", "exit", "throw", "c"}));
  for (size_t i : {0, 2, 5}) EXPECT_EQ(v[i].outcome, Outcome::correct) << i << v[i].reason;
  for (size_t i : {1, 3, 4}) EXPECT_EQ(v[i].outcome, Outcome::failed) << i;
  EXPECT_NE(v[1].reason.find("signal 11"), std::string::npos) << v[1].reason;
  EXPECT_NE(v[3].reason.find("exit code 3"), std::string::npos) << v[3].reason;
}

TEST_F(ExecReward, AProgramThatCannotStartFailsAll) {
  const auto reward = make_exec_reward(path("missing") + " 2>/dev/null", 30);
  for (int call = 0; call < 2; call++)
    for (const Verdict& v : reward->judge(inputs_of({"a", "b", "c", "d", "e"}))) {
      EXPECT_EQ(v.outcome, Outcome::failed);
      EXPECT_NE(v.reason.find("exit code 127"), std::string::npos) << v.reason;
    }
}

TEST_F(ExecReward, AProgramMayAnswerABatchAndEnd) {
  const auto reward = make_exec_reward(python("    say(r['id'], 1)\n    if calls == 2: break\n"), 60);
  for (int call = 0; call < 3; call++)
    for (const Verdict& v : reward->judge(inputs_of({"a", "b"}))) EXPECT_EQ(v.outcome, Outcome::correct) << v.reason;
}

TEST_F(ExecReward, ALastLineWithoutItsEndCounts) {
  const auto reward = make_exec_reward("read line; id=${line#*:}; printf '{\"id\":'${id%%,*}',\"score\":1}'", 30);
  EXPECT_EQ(reward->judge(inputs_of({"a"}))[0].outcome, Outcome::correct);
}

TEST_F(ExecReward, AProgramThatDoesNotReadIsNoStall) {
  const auto reward = make_exec_reward("exec 0<&-; sleep 1000", 1);
  const auto v = reward->judge(inputs_of({std::string(1 << 20, 'x'), "b"}));
  for (const Verdict& one : v) EXPECT_EQ(one.outcome, Outcome::failed);
  const auto unread = make_exec_reward("sleep 1000", 1);
  EXPECT_EQ(unread->judge(inputs_of({std::string(1 << 20, 'x')}))[0].outcome, Outcome::failed);
}

TEST_F(ExecReward, ALongLineIsACrash) {
  const auto reward = make_exec_reward(python("    if r['completion'] == 'long': print('y' * 20000000)\n"
                                              "    say(r['id'], 1)\n"),
                                       30);
  const auto v = reward->judge(inputs_of({"a", "long", "b"}));
  EXPECT_EQ(v[0].outcome, Outcome::correct);
  EXPECT_EQ(v[1].outcome, Outcome::failed);
  EXPECT_NE(v[1].reason.find("more than 16 MB"), std::string::npos);
  EXPECT_EQ(v[2].outcome, Outcome::correct);
}

TEST_F(ExecReward, EndlessOutputEndsEarly) {
  const auto reward = make_exec_reward("yes", 600);
  const auto start = std::chrono::steady_clock::now();
  const auto v = reward->judge(inputs_of({"a", "b"}));
  EXPECT_LT(seconds_since(start), 300);
  for (const Verdict& one : v) {
    EXPECT_EQ(one.outcome, Outcome::failed);
    EXPECT_NE(one.reason.find("64 MB"), std::string::npos) << one.reason;
  }
}

TEST_F(ExecReward, LargeAndBrokenTextPassesThrough) {
  const auto reward = make_exec_reward(python("    say(r['id'], len(r['completion']), reason=r['prompt'])\n"), 60);
  auto inputs = inputs_of({std::string(3 << 20, 'x'),
                           "a\xff\xfe"
                           "b",
                           std::string("\0\n\"", 3)});
  for (int i = 0; i < 100; i++) inputs.push_back(inputs_of({std::string(20000, 'y')})[0]);
  const auto v = reward->judge(inputs);
  EXPECT_EQ(v[0].score, 3 << 20);
  EXPECT_EQ(v[1].score, 4);
  EXPECT_EQ(v[2].score, 3);
  for (size_t i = 3; i < v.size(); i++) EXPECT_EQ(v[i].score, 20000);
}

TEST_F(ExecReward, TheProgramIsGivenTimeToEndAndLeavesNothing) {
  {
    const auto reward = make_exec_reward(
        "sleep 1000 & echo $! > " + path("pid") +
            "; while read -r line; do id=${line#*:}; echo '{\"id\":'${id%%,*}',\"score\":1}'; done; echo end > " +
            path("end"),
        30);
    EXPECT_EQ(reward->judge(inputs_of({"a"}))[0].outcome, Outcome::correct);
  }
  EXPECT_EQ(read("end"), "end\n");
  pid_t left = 0;
  std::istringstream(read("pid")) >> left;
  ASSERT_GT(left, 0);
  EXPECT_FALSE(alive(left));
}

TEST_F(ExecReward, SignalsOfTheTrainerDoNotReachTheProgram) {
  // its SIGPIPE is the default one, also where the trainer ignores it: "yes" must end with its reader
  const auto before = signal(SIGPIPE, SIG_IGN);
  const auto reward = make_exec_reward(
      "yes | head -n 1 >/dev/null; while read -r line; do id=${line#*:}; echo '{\"id\":'${id%%,*}',\"score\":1}'; done",
      30);
  EXPECT_EQ(reward->judge(inputs_of({"a"}))[0].outcome, Outcome::correct);
  signal(SIGPIPE, before);
  ChildProcess child({.words = {"true"}});
  EXPECT_EQ(child.ending(30), "exit code 0");
  EXPECT_EQ(child.write_some("x"), -1);  // and no SIGPIPE here
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(ExecReward, FaultsAreCountedExactly) {
  const auto reward = make_exec_reward(python("    n = int(r['completion'])\n"
                                              "    if n % 10 == 0: say(r['id'], None)\n"
                                              "    elif n % 10 == 5: print(json.dumps({'id': r['id'], 'error': 'x'}))\n"
                                              "    elif n % 50 == 1: os._exit(1)\n"
                                              "    else: say(r['id'], n % 2)\n"),
                                       120);
  std::vector<RewardInput> inputs;
  for (int i = 0; i < 200; i++) inputs.push_back(inputs_of({std::to_string(i)})[0]);
  const auto v = reward->judge(inputs);
  for (int i = 0; i < 200; i++) {
    const bool fault = i % 10 == 0 || i % 10 == 5 || i % 50 == 1;
    const Verdict& one = v[static_cast<size_t>(i)];
    EXPECT_EQ(one.outcome, fault ? Outcome::failed : i % 2 == 1 ? Outcome::correct : Outcome::wrong) << i;
  }
}

// A program that says it is ready is asked in batches, as the protocol has it.
TEST_F(ExecReward, BatchesForProgramsThatSayTheyAreReady) {
  std::ofstream(path("batch.py")) << R"py(
import json, os, sys
def say(x): print(json.dumps(x), flush=True)
init = json.loads(sys.stdin.readline())
assert init["v"] == 1 and init["op"] == "init" and init["adapter"] == "exec", init
print("loading a model ..."); say({"op": "ready", "name": "mine"})
for line in sys.stdin:
    r = json.loads(line)
    n = len(r["completions"])
    assert r["op"] == "score" and len(r["prompts"]) == len(r["truncated"]) == len(r["num_tokens"]) == n
    if "crash" in r["completions"]: os._exit(4)
    if "error" in r["completions"]: say({"id": r["id"], "error": {"type": "KeyError", "message": "no"}}); continue
    if "short" in r["completions"] and n > 1: say({"id": r["id"], "rewards": [1]}); continue
    rewards = [None if c == "none" else float("nan") if c == "nan" else float("-inf") if c == "inf" else
               {"score": 2, "verdict": "wrong", "extracted": c} if c == "object" else c == a
               for c, a in zip(r["completions"], r["columns"]["answer"])]
    say({"id": r["id"], "rewards": rewards, "extra": {"n": [n] * n}, "metrics": {"all": 0.5}})
)py";
  const auto reward = make_exec_reward("exec python3 -S " + path("batch.py"), 60);
  const auto v = reward->judge(inputs_of({"42", "41", "none", "nan", "inf", "object"}));
  EXPECT_EQ(v[0].outcome, Outcome::correct) << v[0].reason;
  EXPECT_EQ(v[0].parts, (std::vector<std::pair<std::string, double>>{{"n", 6}, {"all", 0.5}}));
  EXPECT_EQ(v[1].outcome, Outcome::wrong);
  for (size_t i : {2, 3}) EXPECT_TRUE(v[i].left_out);
  EXPECT_EQ(v[4].outcome, Outcome::failed);
  EXPECT_FALSE(v[4].left_out);
  EXPECT_EQ(v[5].score, 2);
  EXPECT_EQ(v[5].outcome, Outcome::wrong);
  EXPECT_EQ(v[5].extracted, "object");
  const auto faults = reward->judge(inputs_of({"42", "crash", "42", "error", "short"}));
  for (size_t i : {0, 2}) EXPECT_EQ(faults[i].outcome, Outcome::correct) << faults[i].reason;
  for (size_t i : {1, 3}) EXPECT_EQ(faults[i].outcome, Outcome::failed);
  EXPECT_NE(faults[1].reason.find("exit code 4"), std::string::npos) << faults[1].reason;
  EXPECT_NE(faults[3].reason.find("KeyError: no"), std::string::npos) << faults[3].reason;
  EXPECT_EQ(faults[4].outcome, Outcome::wrong) << "alone, one reward is right";
}

TEST_F(ExecReward, BadOptionsAreUsageErrors) {
  EXPECT_THROW(make_exec_reward("", 1), UsageError);
  EXPECT_THROW(make_exec_reward("  ", 1), UsageError);
  EXPECT_THROW(make_exec_reward("true", 0), UsageError);
  EXPECT_THROW(make_exec_reward("true", std::nan("")), UsageError);
}

}  // namespace
}  // namespace r1
