// r1 eval and r1 verify goldens.
#include <set>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

class EvalTest : public ::testing::Test {
 protected:
  std::vector<std::string> words() const {
    return {"eval",    "--model", speck_,         "--data", "tasks:arithmetic", "--reward", reward_, "--n", "4",
            "--limit", "6",       "--max-tokens", "8",      "--samples",        t_ / "s",   "--json"};
  }
  const TempFolder t_;
  const std::string speck_ = make_speck(t_), reward_ = spreading_reward(t_);
};

TEST_F(EvalTest, TheNumbersAreThoseOfItsSamples) {
  const Outcome o = r1(words());
  ASSERT_TRUE(done(o));
  const auto lines = json_lines(o.out);
  ASSERT_EQ(lines.size(), 1u);
  const Json& r = lines[0];
  const auto samples = json_lines_of(t_ / "s");
  ASSERT_EQ(samples.size(), 24u);
  double correct = 0, rows = 0, agreed_least = 0, agreed_most = 0;
  for (size_t row = 0; row < 6; row++) {
    int right = 0;
    for (size_t i = 0; i < 4; i++) {
      EXPECT_EQ(samples[4 * row + i]["prompt"], samples[4 * row]["prompt"]);
      right += samples[4 * row + i]["outcome"] == "correct";
    }
    correct += right / 4.0;
    rows += right > 0;
    agreed_least += right > 2;
    agreed_most += right > 0;
  }
  EXPECT_NEAR(r["pass@1"].get<double>(), correct / 6, 1e-12);
  EXPECT_NEAR(r["pass@k"].get<double>(), rows / 6, 1e-12);
  EXPECT_GE(r["cons@k"].get<double>(), agreed_least / 6 - 1e-12);
  EXPECT_LE(r["cons@k"].get<double>(), agreed_most / 6 + 1e-12);
  ASSERT_EQ(r["ci95"].size(), 2u);
  EXPECT_LE(r["ci95"][0].get<double>(), r["pass@1"].get<double>());
  EXPECT_GE(r["ci95"][1].get<double>(), r["pass@1"].get<double>());
  EXPECT_EQ(r["n"], 6);
  EXPECT_EQ(r["k"], 4);
}

TEST_F(EvalTest, TheSameSeedTheSameNumbers) {
  const std::string first = r1(words()).out;
  const std::string kept = read_file(t_ / "s");
  ASSERT_FALSE(kept.empty());
  std::vector<std::string> one = words();
  one.insert(one.end(), {"--threads", "1"});
  EXPECT_EQ(r1(one).out, first);
  EXPECT_EQ(read_file(t_ / "s"), kept);
  ASSERT_TRUE(done(r1(with_sets(words(), {"seed=7"}))));
  EXPECT_NE(read_file(t_ / "s"), kept) << "--set seed counts";
}

TEST_F(EvalTest, ATrainingRecipeAndOwnData) {
  write_file(t_ / "d.jsonl", "{\"question\":\"1+1\",\"answer\":\"2\"}\n{\"question\":\"2+2\",\"answer\":4}\n");
  write_file(t_ / "r.toml", "model_name_or_path = \"" + speck_ + "\"\ndata = \"" + (t_ / "d.jsonl").string() +
                                "\"\nlearning_rate = 1e-3\nmax_completion_length = 5\nreward = \"math\"\n");
  const Outcome o = r1({"eval", t_ / "r.toml", "--json"});
  ASSERT_TRUE(done(o));
  const Json r = json_lines(o.out).at(0);
  EXPECT_EQ(r["n"], 2);
  EXPECT_LE(r["mean_length"].get<double>(), 5);
  const Outcome table = r1({"eval", t_ / "r.toml"});
  ASSERT_TRUE(done(table));
  EXPECT_NE(table.out.find("pass@1"), std::string::npos);
  write_file(t_ / "bad.toml", "learning_rat = 1\n");
  EXPECT_TRUE(refused(r1({"eval", t_ / "bad.toml"}), 2, "bad.toml: unknown key \"learning_rat\""));
}

TEST_F(EvalTest, TheEmbeddedBaseIsAskedInItsFrame) {
  write_file(t_ / "d.jsonl", "{\"question\":\"1+1\",\"answer\":\"2\"}\n");
  const auto prompt = [&](const std::vector<std::string>& sets) {
    const Outcome o = r1(with_sets({"eval", "--model", "mini", "--data", t_ / "d.jsonl", "--reward", "math",
                                    "--samples", t_ / "s.jsonl", "--max-tokens", "2", "--json"},
                                   sets));
    EXPECT_TRUE(done(o));
    return json_lines_of(t_ / "s.jsonl").at(0)["prompt"].get<std::string>();
  };
  EXPECT_EQ(
      prompt({}),
      "The Assistant thinks in <think> </think>, then gives the answer in <answer> </answer>.\nUser: 1+1\nAssistant:");
  EXPECT_EQ(prompt({"prompt_template=none"}), "1+1");
  EXPECT_TRUE(prompt({"prompt_template=chat"}).starts_with("<|im_start|>user"));
}

TEST_F(EvalTest, WrongUse) {
  EXPECT_TRUE(refused(r1(with_sets(words(), {"learning_rate=1"})), 2, "unknown key \"learning_rate\""));
  EXPECT_TRUE(refused(r1({"eval", "--model", speck_}), 2, "--data"));
  EXPECT_TRUE(refused(r1({"eval", "--data", "tasks:arithmetic"}), 2, "--model"));
  EXPECT_TRUE(refused(r1({"eval", "--model", speck_, "--data", t_ / "no.jsonl"}), 1, "no.jsonl"));
  EXPECT_TRUE(refused(r1({"eval", "--model", speck_, "--data", "tasks:arithmetic", "--n", "0"}), 2, "--n"));
}

void copy_golden(const std::string& name, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(golden(name)))
    fs::copy_file(entry.path(), to / entry.path().filename());
}

TEST(VerifyTest, ALineACheck) {
  const TempFolder t;
  copy_golden("llama-tied", t / "g/llama-tied");
  copy_golden("qwen3-moe", t / "g/qwen3-moe");
  const Outcome o = r1({"verify", "goldens", t / "g", "--json"});
  ASSERT_TRUE(done(o));
  std::set<std::string> names;
  for (const Json& line : json_lines(o.out)) {
    for (const char* key : {"model", "check", "error", "tolerance", "ok"})
      ASSERT_TRUE(line.contains(key)) << key << " in " << line;
    if (line["model"] != "llama-tied") {
      EXPECT_EQ(line["check"], "supported");
      EXPECT_EQ(line["ok"], false);
      continue;
    }
    EXPECT_TRUE(line["ok"].get<bool>()) << line;
    EXPECT_LE(line["error"].get<double>(), line["tolerance"].get<double>()) << line;
    names.insert(line["check"].get<std::string>());
  }
  for (const char* name :
       {"forward.logits", "forward.loss", "backward.model.embed_tokens.weight", "greedy", "sft.loss", "sft.final",
        "grpo.grpo.loss", "grpo.grpo.dlogps", "grpo.dapo.loss", "grpo.dr_grpo.dlogps", "grpo.cispo.loss",
        "grpo.r1.loss", "grpo.gspo.grad.model.embed_tokens.weight", "grpo.grpo_kl.grad.model.norm.weight"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(VerifyTest, ANumberThatIsNotSoIsFound) {
  const TempFolder t;
  copy_golden("llama-tied", t / "g/m");
  Json log = Json::parse(read_file(t / "g/m/sft.json"));
  log[4]["loss"] = log[4]["loss"].get<double>() * 1.001;
  write_file(t / "g/m/sft.json", log.dump());
  const Outcome o = r1({"verify", "goldens", t / "g", "--json"});
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("1 of "), std::string::npos) << o.err;
  for (const Json& line : json_lines(o.out)) EXPECT_EQ(line["ok"], line["check"] != "sft.loss") << line;
  EXPECT_TRUE(refused(r1({"verify", "goldens", t / "none"}), 1, "no such folder"));
  fs::create_directory(t / "empty");
  EXPECT_TRUE(refused(r1({"verify", "goldens", t / "empty"}), 1, "no model folders"));
}

}  // namespace
}  // namespace r1::e2e
