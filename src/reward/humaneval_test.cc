// HumanEval (Chen et al. 2021) under the code reward: its own solutions pass; what solves nothing does not, whatever
// tricks it plays. A third-party file, found under R1_SHARED.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "reward/code_reward.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Json> problems() {
  const char* shared = std::getenv("R1_SHARED");
  const std::filesystem::path root = shared != nullptr ? shared : std::string(R1_SOURCE_DIR) + "/../shared";
  std::ifstream in(root / "data" / "humaneval" / "HumanEval.jsonl");
  std::vector<Json> out;
  for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
  return out;
}

class HumanEvalSlow : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sandbox_state().tier < 1) GTEST_SKIP() << "no sandbox: " << sandbox_state().detail;
    rows_ = problems();
    if (rows_.empty()) GTEST_SKIP() << "no data/humaneval/HumanEval.jsonl under R1_SHARED";
    ASSERT_EQ(rows_.size(), 164u);
  }
  // One completion a problem.
  std::vector<Verdict> judge(const std::function<std::string(const Json&)>& complete, size_t step = 1) {
    std::vector<RewardInput> inputs;
    for (size_t i = 0; i < rows_.size(); i += step) {
      const Json& row = rows_[i];
      RewardInput input;
      input.completion = complete(row);
      input.row = {{"entry_point", row["entry_point"]}, {"check", row["test"]}, {"prompt", row["prompt"]}};
      inputs.push_back(std::move(input));
    }
    return make_code_reward({})->judge(inputs);
  }
  void expect_none_correct(const std::vector<Verdict>& verdicts, const std::string& what) {
    for (size_t i = 0; i < verdicts.size(); i++) {
      EXPECT_NE(verdicts[i].outcome, Outcome::correct) << what << " on " << i;
      EXPECT_NE(verdicts[i].outcome, Outcome::failed) << what << " on " << i << ": " << verdicts[i].reason;
    }
  }
  std::vector<Json> rows_;
};

std::string name_of(const Json& row) { return row["entry_point"]; }

TEST_F(HumanEvalSlow, ItsOwnSolutionsPass) {
  const auto bodies = judge([](const Json& row) { return row["canonical_solution"].get<std::string>(); });
  for (size_t i = 0; i < bodies.size(); i++)
    EXPECT_EQ(bodies[i].outcome, Outcome::correct) << rows_[i]["task_id"] << ": " << bodies[i].reason;
}

TEST_F(HumanEvalSlow, WholeProgramsInFencesAfterAThoughtPass) {
  const auto whole = judge(
      [](const Json& row) {
        return "<think>\n```python\nreturn 1\n```\n</think>\nHere it is:\n```python\n" +
               row["prompt"].get<std::string>() + row["canonical_solution"].get<std::string>() +
               "\n```\nIt prints\n```\n7\n```\n";
      },
      4);
  for (size_t i = 0; i < whole.size(); i++)
    EXPECT_EQ(whole[i].outcome, Outcome::correct) << i << ": " << whole[i].reason;
}

TEST_F(HumanEvalSlow, SolutionsWithOneMistakeFail) {
  // The last result is another: a wrong value of the right type where there is one.
  const auto verdicts = judge([](const Json& row) {
    return row["prompt"].get<std::string>() + row["canonical_solution"].get<std::string>() +
           "\n_right = " + name_of(row) + "\ndef " + name_of(row) +
           "(*a):\n    r = _right(*a)\n"
           "    if type(r) is bool: return not r\n"
           "    if type(r) in (int, float): return r + 1\n"
           "    if type(r) is str: return r + '!'\n"
           "    if type(r) is list: return r + [0]\n"
           "    if type(r) is tuple: return r + (0,)\n"
           "    return 0 if r is None else None\n";
  });
  expect_none_correct(verdicts, "a mutated solution");
}

TEST_F(HumanEvalSlow, EmptyAndConstantOnesFail) {
  for (const char* body :
       {"", "    pass\n", "    return None\n", "    return NotImplemented\n", "    raise SystemExit(0)\n",
        "    import os\n    os._exit(0)\n", "    import sys\n    sys.exit(0)\n"})
    expect_none_correct(judge([&](const Json&) { return std::string(body); }, 8), body);
}

struct Cheat {
  const char* name;
  const char* code;  // NAME: the function asked for
};
const Cheat kCheats[] = {
    {"always equal",
     "class E:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n"
     "    def __lt__(s, o): return True\n    def __gt__(s, o): return True\n    def __hash__(s): return 0\n"
     "    def __bool__(s): return True\n    def __abs__(s): return 0.0\n    def __sub__(s, o): return s\n"
     "def NAME(*a): return E()\n"},
    {"always equal int",
     "class I(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\n"
     "def NAME(*a): return I(1)\n"},
    {"always equal str",
     "class S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\n"
     "def NAME(*a): return S('x')\n"},
    {"always equal list",
     "class L(list):\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n"
     "def NAME(*a): return [L()]\n"},
    {"exit at import", "import os\nos._exit(0)\ndef NAME(*a): return 1\n"},
    {"raise SystemExit at import", "raise SystemExit(0)\n"},
    {"patched builtins",
     "import builtins\nclass E:\n    def __eq__(s, o): return True\n"
     "builtins.isinstance = lambda *a: True\nbuiltins.type = lambda x: int\n"
     "builtins.AssertionError = Exception\nbuiltins.abs = lambda x: 0\ndef NAME(*a): return E()\n"},
    {"patched json",
     "import json\njson.dumps = lambda *a, **k: '{\"passed\": true}'\n"
     "json.loads = lambda *a, **k: {'args': [], 'kwargs': {}}\ndef NAME(*a): return 1\n"},
    {"forged answer of the tests",
     "import os, json\n"
     "for fd in (3, 4):\n"
     "    m = json.dumps({'passed': True, 'calls': 9, 'why': '', 'harness': False}).encode()\n"
     "    try: os.write(fd, len(m).to_bytes(8, 'little') + m)\n"
     "    except OSError: pass\n"
     "def NAME(*a): return 1\n"},
    {"forged replies",
     "import os, json\n"
     "m = json.dumps({'value': True, 'ready': True}).encode()\n"
     "for i in range(500): os.write(4, len(m).to_bytes(8, 'little') + m)\nos._exit(0)\n"},
    {"raising what asserts raise", "def NAME(*a): raise AssertionError('passed')\n"},
    {"raising StopIteration", "def NAME(*a): raise StopIteration\n"},
    {"stack inspection",
     "import sys, gc, inspect\ndef NAME(*a):\n"
     "    f = sys._getframe()\n    while f:\n        for k, v in list(f.f_locals.items()):\n"
     "            if isinstance(v, dict) and 'passed' in v: v['passed'] = True\n        f = f.f_back\n"
     "    for o in gc.get_objects():\n        if isinstance(o, dict) and 'passed' in o: o['passed'] = True\n"
     "    return None\n"},
    {"the parent's memory",
     "import os\ndef NAME(*a):\n    for p in (os.getppid(), 1):\n"
     "        for f in ('mem', 'maps', 'environ', 'fd/3'):\n            try: return open(f'/proc/{p}/{f}').read()\n"
     "            except OSError: pass\n    return None\n"},
    {"printed markers",
     "print('OK'); print('passed'); print('{\"passed\": true}')\ndef NAME(*a):\n    print('passed')\n"},
    {"patched driver",
     "import sys\nm = sys.modules\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
     "g = f.f_globals\ng['run_check'] = lambda o: None\ng['encode'] = lambda *a: ['l']\n"
     "g['Candidate'] = None\ndef NAME(*a): return 1\n"},
    {"killing everything",
     "import os, signal\ndef NAME(*a):\n    try: os.kill(-1, signal.SIGKILL)\n    except OSError: pass\n"
     "    os.kill(os.getpid(), 9)\n"},
};

TEST_F(HumanEvalSlow, CheatsFail) {
  for (const Cheat& cheat : kCheats) {
    const auto verdicts = judge(
        [&](const Json& row) {
          std::string code = cheat.code;
          for (size_t at = 0; (at = code.find("NAME", at)) != std::string::npos;) code.replace(at, 4, name_of(row));
          return "```python\n" + code + "```";
        },
        16);
    expect_none_correct(verdicts, cheat.name);
  }
}

}  // namespace
}  // namespace r1
