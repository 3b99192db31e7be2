#include "reward/code_reward.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "base/error.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

RewardInput input(const std::string& completion, const std::string& row) {
  RewardInput in;
  in.completion = completion;
  in.row = Json::parse(row);
  return in;
}

class CodeReward : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sandbox_state().tier < 1) GTEST_SKIP() << "no sandbox: " << sandbox_state().detail;
  }
  Verdict judge(const std::string& completion, const std::string& row, const CodeOptions& options = {}) {
    const RewardInput in = input(completion, row);
    return make_code_reward(options)->judge({&in, 1})[0];
  }
};

const char* const kSum =
    R"j({"language":"python","tests":[{"stdin":"1 2\n","stdout":"3\n"},{"stdin":"20 22\n","stdout":"42\n"}]})j";

TEST_F(CodeReward, ProgramsAreJudgedByTheirOutput) {
  const Verdict right =
      judge("<think>Add.</think>\n```python\na, b = map(int, input().split())\nprint(a + b)\n```", kSum);
  EXPECT_EQ(right.outcome, Outcome::correct) << right.reason;
  EXPECT_EQ(right.score, 1);
  EXPECT_EQ(right.extracted, "a, b = map(int, input().split())\nprint(a + b)");
  EXPECT_EQ(right.parts, (std::vector<std::pair<std::string, double>>{{"tests", 2}, {"passed", 2}}));
  const Verdict constant = judge("print(3)", kSum);
  EXPECT_EQ(constant.outcome, Outcome::wrong);
  EXPECT_EQ(constant.score, 0);
  EXPECT_EQ(constant.reason, "test 2 of 2: wrong output: line 1 is \"3\"");
  EXPECT_EQ(constant.parts[1].second, 1);
  EXPECT_EQ(judge("<think>print(3)", kSum).outcome, Outcome::no_answer);
}

TEST_F(CodeReward, ProgramsThatEndBadlyAreWrong) {
  const std::string sum = "print(sum(map(int, input().split())))\n";
  EXPECT_EQ(judge(sum + "raise SystemExit(0)", kSum).outcome, Outcome::correct);
  EXPECT_EQ(judge(sum + "raise SystemExit(1)", kSum).reason, "test 1 of 2: exit code 1");
  EXPECT_EQ(judge(sum + "1 / 0", kSum).reason, "test 1 of 2: exit code 1: ZeroDivisionError: division by zero");
  EXPECT_EQ(judge(sum + "import os\nos.abort()", kSum).reason, "test 1 of 2: ended by signal 6 (Aborted)");
  EXPECT_EQ(judge("print(1", kSum).reason, "test 1 of 2: exit code 1: SyntaxError: '(' was never closed");
  CodeOptions quick;
  quick.limits.cpu_seconds = 0.3, quick.limits.idle_seconds = 0.3;
  EXPECT_EQ(judge("while True: pass", kSum, quick).reason, "test 1 of 2: more than 0.3 s of processor time");
  EXPECT_EQ(judge("import time\ntime.sleep(9)", kSum, quick).reason, "test 1 of 2: more than 0.3 s of doing nothing");
}

TEST_F(CodeReward, ProgramsMayUseWhatPythonHas) {
  const char* row = R"j({"tests":[{"stdin":"","stdout":"ok\n"}]})j";
  for (const char* program :
       {"import asyncio\nasync def f(): return 'ok'\nprint(asyncio.run(f()))",
        "import threading\nt = threading.Thread(target=print, args=('ok',))\nt.start()",
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and f(n - 1)\nf(20000)\nprint('ok')",
        "import atexit\natexit.register(print, 'ok')",
        "import tempfile\nwith tempfile.TemporaryFile('w+') as f:\n  f.write('ok')\n  f.seek(0)\n  print(f.read())",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n  x: str\nprint(A('ok').x)",
        "if __name__ == '__main__': print('ok')", "import numbers, fractions, decimal, bisect, sqlite3\nprint('ok')",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p: print(*p.map(str, "
        "['ok']))",
        "import subprocess, sys, os\nprint('ok')\nexit()"}) {
    const Verdict v = judge(program, row);
    EXPECT_EQ(v.outcome, Outcome::correct) << program << ": " << v.reason;
  }
}

TEST_F(CodeReward, CppIsCompiledInTheJail) {
  if (sandbox_state().tier < 2) GTEST_SKIP() << "the compiler needs tier 2: " << sandbox_state().detail;
  const char* row =
      R"j({"language":"cpp","tests":[{"stdin":"1 2\n","stdout":"3\n"},{"stdin":"20 22\n","stdout":"42\n"}]})j";
  const Verdict right =
      judge("```cpp\n#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }\n```", row);
  EXPECT_EQ(right.outcome, Outcome::correct) << right.reason;
  EXPECT_EQ(judge("int main() { return 0; }", row).reason, "test 1 of 2: wrong output: no output");
  EXPECT_EQ(judge("int main() { return 7; }", row).reason, "test 1 of 2: exit code 7");
  const Verdict broken = judge("int main() { return x; }", row);
  EXPECT_EQ(broken.outcome, Outcome::wrong);
  EXPECT_EQ(broken.reason.find("does not compile: \u2018x\u2019 was not declared"), 0u) << broken.reason;
}

TEST_F(CodeReward, FunctionsAreJudgedByWhatTheyReturn) {
  const char* row =
      R"j({"entry_point":"f","tests":[{"args":[3,[1.5]],"result":[3,{"1":1.5}]},{"args":[100,[0]],"result":[100,{"1":0}]}]})j";
  EXPECT_EQ(judge("def f(n, xs): return (n, {1: xs[0]})", row).outcome, Outcome::correct);
  EXPECT_EQ(judge("class Solution:\n    def f(self, n, xs): return [n, {'1': xs[0]}]", row).outcome, Outcome::correct);
  EXPECT_EQ(judge("def f(n, xs):\n    print('noise')\n    return [n, {'1': xs[0]}]", row).outcome, Outcome::correct);
  EXPECT_EQ(judge("def f(n, xs): return [3, {'1': 1.5}]", row).reason, "test 2 of 2: wrong result: [3, {\"1\": 1.5}]");
  EXPECT_EQ(judge("def g(n): return n", row).reason,
            "test 1 of 2: exit code 1: NameError: the program defines no function f");
  EXPECT_EQ(judge("def f(n, xs): return object()", row).reason,
            "test 1 of 2: exit code 1: NotPlain: an object of type object");
}

TEST_F(CodeReward, TestsInPythonCallTheFunctionFromOutside) {
  const char* row =
      R"j({"entry_point":"f","check":"def check(candidate):\n    assert candidate({1, 2}, b'x') == (2, {1: 10**30}, float('inf'))\n    try:\n        candidate(None, b'')\n        assert False\n    except ValueError as e:\n        assert str(e) == 'none'\n"})j";
  const Verdict right = judge(
      "def f(s, b):\n    if s is None: raise ValueError('none')\n    return (len(s), {1: 10**30}, float('inf'))", row);
  EXPECT_EQ(right.outcome, Outcome::correct) << right.reason;
  EXPECT_EQ(judge("def f(s, b): return (len(s), {1: 10**30}, float('inf'))", row).outcome, Outcome::wrong);
  EXPECT_EQ(judge("def f(s, b): return [2, {1: 10**30}, float('inf')]", row).outcome, Outcome::wrong);
  const char* asserts = R"j({"entry_point":"f","check":"assert f(2) == 4\nassert f(3) == 9"})j";
  EXPECT_EQ(judge("def f(x): return x * x", asserts).outcome, Outcome::correct);
  EXPECT_EQ(judge("def f(x): return x + x", asserts).reason, "AssertionError at line 2 of check.py: ");
}

TEST_F(CodeReward, WhatTheCheckerCannotDoIsNeverWrong) {
  const char* f = "def f(x): return x";
  for (const char* row :
       {R"j({})j", R"j({"tests":[]})j", R"j({"tests":[{"stdin":"x"}]})j",
        R"j({"language":"cobol","tests":[{"stdout":"x"}]})j",
        R"j({"entry_point":"f","tests":[{"args":3,"result":1}]})j", R"j({"entry_point":"f","check":"def check(c"})j",
        R"j({"entry_point":"f","check":"def check(candidate): pass"})j",
        R"j({"entry_point":"f","check":"def check(candidate): raise KeyError"})j",
        R"j({"entry_point":"f","check":"def check(candidate): candidate(lambda: 1)"})j"}) {
    const Verdict v = judge(f, row);
    EXPECT_EQ(v.outcome, Outcome::failed) << row << ": " << v.reason;
    EXPECT_FALSE(v.reason.empty());
  }
  CodeOptions quick;
  quick.limits.cpu_seconds = 0.3;
  EXPECT_EQ(judge(f, R"j({"entry_point":"f","check":"while True: pass"})j", quick).outcome, Outcome::failed);
  EXPECT_EQ(judge("def f(x):\n    while True: pass", R"j({"entry_point":"f","check":"f(1)"})j", quick).outcome,
            Outcome::wrong);
}

TEST_F(CodeReward, AJailThatIsKilledIsStartedAgain) {
  JailWorker worker(JailKind::python, {.namespaces = false, .landlock = false, .seccomp = false});
  const std::string order = R"j({"run":"program","sources":["print(1)"]})j";
  EXPECT_EQ(worker.run({.limits = jail_limits({}), .program = order}).out, "1\n");
  // without locks a program can reach its stage, which then is gone: the result is broken, not the program's
  const std::string kill =
      R"j({"run":"program","sources":["import os, signal, time\nkeeper = os.getppid()\nstage = int(open(f'/proc/{keeper}/stat').read().split()[3])\nos.kill(stage, 9)\nos.kill(keeper, 9)\ntime.sleep(9)"]})j";
  EXPECT_EQ(worker.run({.limits = jail_limits({}), .program = kill}).ending, jail::Ending::broken);
  EXPECT_EQ(worker.run({.limits = jail_limits({}), .program = order}).out, "1\n");
}

TEST_F(CodeReward, TheJournalAnswersForWhatWasRun) {
  const std::string path = "/tmp/r1_journal_" + std::to_string(getpid());
  std::filesystem::remove(path);
  CodeOptions options;
  options.journal = path;
  EXPECT_EQ(judge("print(3)", kSum, options).outcome, Outcome::wrong);
  EXPECT_EQ(judge("print(", R"j({})j", options).outcome, Outcome::failed);  // not kept
  std::string line = read_text_file(path);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const size_t at = line.find("wrong output");
  ASSERT_NE(at, std::string::npos);
  line.replace(at, 12, "from the file");
  std::ofstream(path) << line << "{\"key\":\"cut o";
  const Verdict again = judge("print(3)", kSum, options);
  EXPECT_NE(again.reason.find("from the file"), std::string::npos) << again.reason;
  EXPECT_EQ(again.parts.size(), 2u);
  options.limits.cpu_seconds = 4;  // other limits, another key
  EXPECT_EQ(judge("print(3)", kSum, options).reason.find("from the file"), std::string::npos);
  std::filesystem::remove(path);
}

TEST_F(CodeReward, ManyAreJudgedInOrder) {
  std::vector<RewardInput> inputs;
  for (int i = 0; i < 60; i++)
    inputs.push_back(input(i % 3 == 0 ? "print(3)" : "print(sum(map(int, input().split())))", kSum));
  const std::vector<Verdict> verdicts = make_reward("code", {})->judge(inputs);
  for (size_t i = 0; i < verdicts.size(); i++)
    EXPECT_EQ(verdicts[i].outcome, i % 3 == 0 ? Outcome::wrong : Outcome::correct) << i;
}

TEST(CodeOptionsTest, OutOfRangeIsAUsageError) {
  CodeOptions o;
  o.limits.memory_mb = 1;
  EXPECT_THROW(make_code_reward(o), UsageError);
  o = {};
  o.limits.cpu_seconds = 0;
  EXPECT_THROW(make_code_reward(o), UsageError);
  o = {};
  o.minimum_tier = 3;
  EXPECT_THROW(make_code_reward(o), UsageError);
  o = {};
  o.journal = "/no/such/folder/journal";
  EXPECT_THROW(make_code_reward(o), Error);
}

}  // namespace
}  // namespace r1
