// r1 bench: its cases, their fields, what it refuses. Not how fast anything is.
#include <algorithm>
#include <map>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

TEST(BenchTest, AJsonLineACase) {
  const Outcome o = r1({"bench", "--shape", "mini", "--quick", "--json"});
  ASSERT_TRUE(done(o));
  std::map<std::string, Json> cases;
  for (const Json& line : json_lines(o.out)) {
    std::vector<std::string> names;
    for (const auto& [name, value] : line.items()) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"case", "tokens_per_s", "seconds", "floor_seconds", "share", "rss_gb",
                                               "rss_predicted_gb"}));
    for (size_t i = 1; i < names.size(); i++) EXPECT_TRUE(line[names[i]].is_number()) << line;
    const double share = line["share"], seconds = line["seconds"], floor = line["floor_seconds"];
    EXPECT_GT(seconds, 0);
    EXPECT_GT(floor, 0);
    EXPECT_NEAR(share, floor / seconds, 1e-6 * share);
    EXPECT_TRUE(cases.emplace(line["case"], line).second) << line["case"] << " twice";
  }
  for (const char* name :
       {"prefill", "decode_1", "decode_8", "decode_32", "decode_64", "decode_128", "decode_64_unshared", "scoring",
        "forward_backward", "forward_backward_1024", "optimizer", "rollout", "update", "grpo_step"})
    EXPECT_TRUE(cases.contains(name)) << name;
  const auto number = [&](const char* name, const char* field) { return cases[name][field].get<double>(); };
  EXPECT_NEAR(number("rollout", "seconds") + number("update", "seconds"), number("grpo_step", "seconds"), 1e-6);
  EXPECT_NEAR(number("rollout", "floor_seconds") + number("update", "floor_seconds"),
              number("grpo_step", "floor_seconds"), 1e-9);
  // a case holds what it needs alone: sampling has no gradients, moments and backward copies
  EXPECT_LT(number("decode_1", "rss_predicted_gb"), number("optimizer", "rss_predicted_gb"));
  for (const auto& [name, line] : cases)
    EXPECT_NEAR(number(name.c_str(), "rss_predicted_gb"), number(name.c_str(), "rss_gb"), 0.04) << name;
  EXPECT_NE(o.err.find("machine: packed matmul f32"), std::string::npos) << o.err;
}

TEST(BenchTest, SomeCasesOfAModelAsATable) {
  const Outcome o = r1({"bench", "--model", golden("qwen3"), "--case", "decode_8", "--case", "update", "--quick",
                        "--repeats", "2", "--set", "compute_dtype=f32"});
  ASSERT_TRUE(done(o));
  EXPECT_NE(o.out.find("predicted"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("\ndecode_8 "), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("\nupdate "), std::string::npos) << o.out;
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 3) << o.out;
}

TEST(BenchTest, WrongUse) {
  EXPECT_TRUE(refused(r1({"bench", "--case", "decode_46"}), 2, "nearest: decode_"));
  EXPECT_TRUE(refused(r1({"bench", "--shape", "minni"}), 2, "nearest: mini"));
  EXPECT_TRUE(refused(r1({"bench", "--shape", "mini", "--model", "mini"}), 2, "--shape"));
  EXPECT_TRUE(refused(r1({"bench", "--shape", "mini", "--completion-length", "2000"}), 2, "context is 1024"));
  EXPECT_TRUE(refused(r1({"bench", "--repeats", "0"}), 2, "--repeats"));
  EXPECT_TRUE(refused(r1({"bench", "--set", "learning_rate=1"}), 2, "learning_rate"));
}

}  // namespace
}  // namespace r1::e2e
