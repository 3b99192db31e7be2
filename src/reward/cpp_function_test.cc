// C++ functions under test, in the jail. Expected values are plain arithmetic and sorting.
#include "reward/cpp_function.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "reward/code_reward.h"
#include "reward/compiled_programs.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

class CppFunctionSlow : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sandbox_state().tier < 2) GTEST_SKIP() << "the compiler needs tier 2: " << sandbox_state().detail;
  }
  // Judges a function f.
  Verdict judge(const std::string& code, const std::string& tests) {
    RewardInput in;
    in.completion = code;
    in.row = {{"language", "cpp"}, {"entry_point", "f"}, {"tests", Json::parse(tests)}};
    return reward_->judge({&in, 1})[0];
  }
  const std::unique_ptr<Reward> reward_ = make_code_reward({});
};

TEST_F(CppFunctionSlow, TypesOfEveryKindCross) {
  const char* code = R"cpp(
#include <map>
#include <optional>
#include <string>
#include <vector>
    std::map<std::string, std::vector<double>> f(const std::vector<std::vector<int>>& rows, std::string& name,
                                                 std::map<int, std::string> by_number, std::pair<char, bool> p,
                                                 std::string_view view, std::optional<long long> maybe) {
      std::map<std::string, std::vector<double>> out;
      for (const auto& row : rows)
        for (int x : row) out[name].push_back(x / 2.0);
      for (const auto& [number, text] : by_number) out[text].push_back(number);
      out[std::string(view)].push_back(p.second ? p.first - 'a' : -1);
      out["maybe"].push_back(maybe ? static_cast<double>(*maybe) : 0.5);
      return out;
    })cpp";
  const char* right = R"j([{"args":[[[1,-2],[],[3]],"n\"\n",{"7":"w"},["c",true],"v",null],
                            "result":{"n\"\n":[0.5,-1,1.5],"w":[7],"v":[2],"maybe":[0.5]}},
                           {"args":[[],"",{},["c",false],"v",9007199254740993],
                            "result":{"v":[-1],"maybe":[9007199254740992]}}])j";
  const Verdict v = judge(code, right);
  EXPECT_EQ(v.outcome, Outcome::correct) << v.reason;
  EXPECT_EQ(v.parts, (std::vector<std::pair<std::string, double>>{{"tests", 2}, {"passed", 2}}));
  std::string wrong = right;
  wrong.replace(wrong.find("[-1]"), 4, "[-2]");
  EXPECT_EQ(judge(code, wrong).reason.find("test 2 of 2: wrong result: {"), 0u) << judge(code, wrong).reason;
}

TEST_F(CppFunctionSlow, ScalarsTextsAndSets) {
  const char* tests =
      R"j([{"args":[4611686018427387904,1.5],"result":["9223372036854775808",true,null,["a","b"],"x"]}])j";
  EXPECT_EQ(judge("std::tuple<std::string, bool, std::optional<int>, std::set<std::string>, char> f(unsigned long long "
                  "n, float x) { return {std::to_string(2 * n), x == 1.5f, std::nullopt, {\"b\", \"a\"}, 'x'}; }",
                  tests)
                .outcome,
            Outcome::correct);
  EXPECT_EQ(judge("uint64_t f(uint64_t n) { return n + 1; }",
                  R"j([{"args":[9223372036854775807],"result":9223372036854775808}])j")
                .outcome,
            Outcome::correct);
}

TEST_F(CppFunctionSlow, WithoutSignatureTheTestsSayTheTypes) {
  const char* tests = R"j([{"args":[[3,1,2],0],"result":[1,2,3]},{"args":[[],1],"result":[]}])j";
  for (const char* code : {"template <class T> T f(T v, int) { std::sort(v.begin(), v.end()); return v; }",
                           "auto f(auto v, int k) { sort(v.begin(), v.end()); return v; }",
                           "vector<string> f(vector<string> v, int) { return v; }\n"
                           "vector<int> f(vector<int> v, int) { sort(v.begin(), v.end()); return v; }"}) {
    const Verdict v = judge(code, tests);
    EXPECT_EQ(v.outcome, Outcome::correct) << code << ": " << v.reason;
  }
}

TEST_F(CppFunctionSlow, MethodsMainsAndArgumentsThatChange) {
  const char* tests = R"j([{"args":[[3,1,2]],"result":[1,2,3]}])j";
  for (const char* code :
       {"class Solution {\n public:\n  vector<int> f(vector<int>& v) { sort(v.begin(), v.end()); return v; }\n};",
        "struct Solution { std::vector<int> f(std::vector<int> v) const { std::sort(v.begin(), v.end()); return v; } "
        "};",
        "void f(vector<int>& v) { sort(v.begin(), v.end()); }",
        "#include <bits/stdc++.h>\nusing namespace std;\nlist<long> f(deque<short> v) { sort(v.begin(), v.end()); "
        "return "
        "{v.begin(), v.end()}; }\nint main() { cout << \"mine\"; }"}) {
    const Verdict v = judge(code, tests);
    EXPECT_EQ(v.outcome, Outcome::correct) << code << ": " << v.reason;
  }
}

TEST_F(CppFunctionSlow, WhatIsWrongSaysWhy) {
  const char* tests = R"j([{"args":[5],"result":10}])j";
  EXPECT_EQ(judge("int f(int x) { return x + x + 1; }", tests).reason, "test 1 of 1: wrong result: 11");
  EXPECT_EQ(judge("int f(std::string s) { return 10; }", tests).reason,
            "test 1 of 1: exit code 97: the function takes a text where the test has an integer");
  EXPECT_EQ(judge("int f(int a, int b) { return 10; }", tests).reason,
            "test 1 of 1: exit code 97: the function takes 2 arguments, the test has 1");
  EXPECT_EQ(judge("int f(signed char c) { return 10; }", R"j([{"args":[1000],"result":10}])j").reason,
            "test 1 of 1: exit code 97: the test's number does not fit the function's parameter");
  EXPECT_EQ(judge("int g(int x) { return 10; }", tests).reason.find("does not compile: "), 0u);
  EXPECT_EQ(judge("struct S {}; S f(int) { return {}; }", tests).reason.find("does not compile: "), 0u);
  EXPECT_EQ(judge("double f(int x) { return NAN; }", tests).outcome, Outcome::wrong);
  EXPECT_EQ(judge("unordered_multiset<int> f(vector<int> v) { return {v.begin(), v.end()}; }",
                  R"j([{"args":[[1,2]],"result":[1,2]}])j")
                .reason.find("test 1 of 1: wrong result: {"),
            0u)
      << "no order";
  EXPECT_EQ(judge("bool f(int x) { return true; }", R"j([{"args":[5],"result":1}])j").outcome, Outcome::wrong);
  RewardInput in;
  in.completion = "int f() { return 1; }";
  in.row = Json::parse(R"j({"language":"cpp","entry_point":"f(); //","tests":[{"args":[],"result":1}]})j");
  EXPECT_EQ(reward_->judge({&in, 1})[0].outcome, Outcome::failed) << "the row's fault";
}

// The program can say what it likes: it does not know what is right.
TEST_F(CppFunctionSlow, CheatsAreNotAccepted) {
  const char* tests = R"j([{"args":[5],"result":[12345,"alpha"]}])j";
  for (const char* code :
       {"int f(int x) { _exit(0); }", "int f(int x) { exit(0); }", "int f(int x) { std::abort(); }",
        "int f(int x) { write(3, \"\\2\\0\\0\\0\\0\\0\\0\\0[]\", 10); _exit(0); }",
        "int f(int x) { write(3, \"\\4\\0\\0\\0\\0\\0\\0\\0true\", 12); return 1; }",
        "struct A { A() { write(3, \"\\377\\377\\377\\377\\377\\377\\377\\377\", 8); _exit(0); } } a; int f(int) { "
        "return 1; }",
        "struct Any { template <class T> bool operator==(const T&) const { return true; } "
        "operator std::string_view() const { return \"\"; } }; Any f(int) { return {}; }",
        "#define r1_driver r2_driver\nint f(int) { return 1; }",
        "namespace r1_driver { void send(const char*); }\nint f(int) { puts(\"[12345,\\\"alpha\\\"]\"); return 1; }",
        "int f(int) { for (int i = 0; i < 1000; i++) dup2(3, i + 4); return 12345; }"}) {
    const Verdict v = judge(code, tests);
    EXPECT_EQ(v.outcome, Outcome::wrong) << code << ": " << v.reason;
    EXPECT_EQ(v.score, 0);
  }
}

// One compilation for all tests of a program, and for the next sample that is the same program.
TEST(CppFunction, OneCompilation) {
  if (sandbox_state().tier < 2) GTEST_SKIP() << "the compiler needs tier 2: " << sandbox_state().detail;
  CodeOptions options;
  options.workers = 1;
  const auto reward = make_code_reward(options);
  RewardInput in;
  in.completion = "double f(const std::vector<int>& v, double w) { return v.empty() ? w : v[0] * w; }";
  in.row = Json::parse(R"j({"language":"cpp","entry_point":"f","tests":[{"args":[[3],0.5],"result":1.5},
                                                                        {"args":[[],2],"result":2}]})j");
  std::vector<RewardInput> inputs = {in, in};
  inputs[1].row["tests"][1]["result"] = 3;
  const auto start = std::chrono::steady_clock::now();
  const Verdict right = reward->judge({inputs.data(), 1})[0];
  const auto middle = std::chrono::steady_clock::now();
  const Verdict wrong = reward->judge({inputs.data() + 1, 1})[0];
  EXPECT_LT(std::chrono::steady_clock::now() - middle, (middle - start) / 2);
  EXPECT_EQ(right.outcome, Outcome::correct) << right.reason;
  EXPECT_EQ(wrong.reason, "test 2 of 2: wrong result: 2.0");
}

TEST(CppArguments, PlainDataAsText) {
  EXPECT_EQ(cpp_arguments(Json::parse(R"j([1,-2,1.5,"a;b",true,false,null,[],{"k":[0]}])j")),
            "[9;i1;i-2;d0x1.8p+0;s3;a;bt;f;n;[0;{1;s1;k[1;i0;");
}

TEST(CompiledProgramsTest, TheOldestGoFirst) {
  CompiledPrograms programs(25);
  for (const char* name : {"a", "b"}) programs.add(name, {std::string(10, *name), "", false});
  EXPECT_EQ(programs.find("a")->executable, "aaaaaaaaaa");
  programs.add("c", {"cccccccccc", "", false});
  EXPECT_FALSE(programs.find("b"));
  EXPECT_TRUE(programs.find("a"));
  EXPECT_TRUE(programs.find("c"));
}

}  // namespace
}  // namespace r1
