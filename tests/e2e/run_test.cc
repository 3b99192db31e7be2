// r1 run: a pipeline of stages.
#include <signal.h>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

class RunSlow : public ::testing::Test {
 protected:
  RunSlow() {
    make_speck(t_);
    write_file(t_ / "recipe.toml",
               "model = \"" + (t_ / "speck-shape").string() +
                   "\"\ndata = \"tasks:arithmetic\"\nseed = 3\n"
                   "pipeline_eval_rows = 5\npipeline_eval_samples = 2\npipeline_eval_max_length = 6\n"
                   "max_completion_length = 12\nlearning_rate = 1e-3\nsave_steps = 3\n"
                   "[start]\nstage = \"sft\"\nrandom_init = true\ntask_rows = 64\nmax_steps = 2\n"
                   "[grpo]\nreward = \"" +
                   spreading_reward(t_) + "\"\nnum_generations = 4\nper_device_train_batch_size = 8\nmax_steps = 2\n");
  }
  std::vector<std::string> words(const std::string& out, const std::vector<std::string>& sets = {}) const {
    return with_sets({"run", t_ / "recipe.toml", "--out", t_ / out, "--json"}, sets);
  }
  const TempFolder t_;
};

TEST_F(RunSlow, TwoStagesAndNoneTwice) {
  const Outcome o = r1(words("a"));
  ASSERT_TRUE(done(o));
  const auto stages = json_lines(o.out);
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0]["stage"], "start");
  EXPECT_EQ(stages[0]["kind"], "sft");
  EXPECT_EQ(stages[1]["stage"], "grpo");
  for (const Json& s : stages) {
    EXPECT_EQ(s["rows"], 5);
    EXPECT_EQ(s["ci95"].size(), 2u);
    for (const char* key : {"model", "seconds", "accuracy", "mean_length"}) EXPECT_TRUE(s.contains(key)) << key;
    EXPECT_TRUE(fs::exists(fs::path(s["model"].get<std::string>()) / "model.safetensors"));
  }
  EXPECT_NE(read_file(t_ / "a/grpo/recipe.toml").find("model = \"" + (t_ / "a/start/model").string() + "\""),
            std::string::npos)
      << "a stage begins with what the one before it made";
  EXPECT_TRUE(refused(r1(words("a")), 1, "--resume goes on with it"));
  const auto written = fs::last_write_time(t_ / "a/start/metrics.jsonl");
  std::vector<std::string> again = words("a");
  again.push_back("--resume");
  const Outcome second = r1(again);
  ASSERT_TRUE(done(second));
  EXPECT_EQ(second.out, o.out);
  EXPECT_EQ(fs::last_write_time(t_ / "a/start/metrics.jsonl"), written) << "a finished stage is not done again";
  EXPECT_EQ(second.err.find("r1 sft"), std::string::npos) << second.err;
  const Outcome human = r1({"run", t_ / "recipe.toml", "--out", t_ / "a", "--resume"});
  EXPECT_NE(human.out.find("The model is in "), std::string::npos) << human.out;
}

TEST_F(RunSlow, TheCommandLineCountsMore) {
  ASSERT_TRUE(done(r1(words("a", {"max_steps=1", "grpo.max_steps=3", "start.learning_rate=0.5"}))));
  EXPECT_EQ(json_lines_of(t_ / "a/start/metrics.jsonl").size(), 1u) << "max_steps=1 is for all stages";
  EXPECT_EQ(json_lines_of(t_ / "a/start/metrics.jsonl")[0]["learning_rate"], 0.5);
  EXPECT_EQ(json_lines_of(t_ / "a/grpo/metrics.jsonl").size(), 3u) << "STAGE.key counts more";
}

TEST_F(RunSlow, KilledOrInterruptedItGoesOnWhereItWas) {
  const std::vector<std::string> sets = {"grpo.max_steps=14", "max_completion_length=48"};
  ASSERT_TRUE(done(r1(words("whole", sets))));
  std::vector<std::string> all = words("cut", sets);
  all.push_back("--resume");  // nothing there yet: it begins
  const auto steps = [&] { return json_lines(read_file(t_ / "cut/grpo/metrics.jsonl")).size(); };
  for (const auto& [signal, at] : {std::pair(SIGKILL, 4), std::pair(SIGINT, 8)}) {
    Running run({.words = all});
    ASSERT_TRUE(run.until([&] {
      const std::string text = read_file(t_ / "cut/grpo/metrics.jsonl");
      return std::count(text.begin(), text.end(), '\n') >= at;
    }));
    run.send(signal);
    const Outcome o = run.wait();
    if (signal == SIGKILL) {
      EXPECT_EQ(o.signal, SIGKILL);
      continue;
    }
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(json_lines(o.out).size(), 1u) << "the finished stage";
    EXPECT_NE(o.err.find("go on with: r1 run"), std::string::npos) << o.err;
  }
  ASSERT_TRUE(done(r1(all)));
  EXPECT_EQ(steps(), 14u);
  EXPECT_TRUE(same_bytes(t_ / "cut/grpo/model/model.safetensors", t_ / "whole/grpo/model/model.safetensors"));
}

TEST_F(RunSlow, WrongUse) {
  EXPECT_TRUE(refused(r1(words("a", {"max_stps=1"})), 2, "unknown key \"max_stps\"; nearest is \"max_steps\""));
  EXPECT_TRUE(refused(r1(words("a", {"grop.max_steps=1"})), 2, "nearest is \"grpo\""));
  EXPECT_TRUE(refused(r1(words("a", {"grpo.max_stps=1"})), 2, "stage [grpo]: unknown key \"max_stps\""));
  EXPECT_TRUE(refused(r1(words("a", {"pipeline_eval_rows=0"})), 2, "pipeline_eval_rows"));
  const auto recipe = [&](const std::string& text) {
    write_file(t_ / "r.toml", text);
    return r1({"run", t_ / "r.toml", "--out", t_ / "a"});
  };
  const std::string top = "model = \"mini\"\ndata = \"tasks:arithmetic\"\n";
  EXPECT_TRUE(refused(recipe(top), 2, "r.toml: has no stages"));
  EXPECT_TRUE(refused(recipe(top + "[sfft]\n"), 2, "r.toml: stage [sfft]"));
  EXPECT_TRUE(refused(recipe(top + "seeed = 1\n[sft]\n"), 2, "r.toml: unknown key \"seeed\"; nearest is \"seed\""));
  EXPECT_TRUE(refused(recipe(top + "[sft]\nseeed = 1\n"), 2, "r.toml: stage [sft]: unknown key \"seeed\""));
  EXPECT_TRUE(refused(recipe(top + "[sft]\nout = \"x\"\n"), 2, "r.toml: stage [sft]: has a key out"));
  EXPECT_TRUE(refused(recipe(top + "[sft.more]\nseed = 1\n"), 2, "r.toml: line 3: more is a table inside a table"));
  EXPECT_TRUE(refused(recipe(top + "[\"../x\"]\nstage = \"sft\"\n"), 2, "stage [../x]"));
  EXPECT_TRUE(refused(recipe("model = \"mini\"\n[sft]\n"), 2, "no data given"));
  EXPECT_TRUE(refused(r1({"run", t_ / "none.toml"}), 1, "none.toml"));
  EXPECT_FALSE(fs::exists(t_ / "a")) << "none of them began";
}

}  // namespace
}  // namespace r1::e2e
