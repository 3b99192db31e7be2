// r1 grpo: what a run leaves, recipes, --resume.
#include <map>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

std::vector<std::string> run_words(const std::string& model, const std::string& reward, const fs::path& out) {
  return with_sets({"grpo", "--model", model, "--data", "tasks:arithmetic", "--reward", reward, "--out", out},
                   {"num_generations=4", "per_device_train_batch_size=8", "generation_batch_size=16",
                    "max_completion_length=12", "learning_rate=1e-3", "max_steps=4", "save_steps=2", "beta=0.01"});
}

// TRL's names that apply, and ours.
const std::vector<const char*> kMetrics = {"step",
                                           "loss",
                                           "grad_norm",
                                           "learning_rate",
                                           "epoch",
                                           "num_tokens",
                                           "step_time",
                                           "reward",
                                           "reward_std",
                                           "frac_reward_zero_std",
                                           "rewards/exec/mean",
                                           "rewards/exec/std",
                                           "completions/mean_length",
                                           "completions/min_length",
                                           "completions/max_length",
                                           "completions/clipped_ratio",
                                           "completions/mean_terminated_length",
                                           "completions/min_terminated_length",
                                           "completions/max_terminated_length",
                                           "entropy",
                                           "kl",
                                           "clip_ratio/low_mean",
                                           "clip_ratio/low_min",
                                           "clip_ratio/high_mean",
                                           "clip_ratio/high_max",
                                           "clip_ratio/region_mean",
                                           "sampling/sampling_logp_difference/mean",
                                           "sampling/sampling_logp_difference/max",
                                           "sampling/importance_sampling_ratio/min",
                                           "sampling/importance_sampling_ratio/mean",
                                           "sampling/importance_sampling_ratio/max",
                                           "policy_ratio/min",
                                           "policy_ratio/max",
                                           "share/rollout",
                                           "share/update",
                                           "share/step",
                                           "memory/planned_gb",
                                           "memory/peak_gb",
                                           "time/rollout",
                                           "time/reward",
                                           "time/update",
                                           "verdicts/correct",
                                           "verdicts/failed"};

class GrpoTest : public ::testing::Test {
 protected:
  const TempFolder t_;
  const std::string speck_ = make_speck(t_), reward_ = spreading_reward(t_);
};

// A user's function in a run: what it cannot judge leaves its group, what it says is kept, and the run goes on.
TEST_F(GrpoTest, AUsersFunctionMayFail) {
  write_file(t_ / "mine.py",
             "import os\n"
             "def shorter(completions, completion_ids, trainer_state, **kwargs):\n"
             "    assert trainer_state.max_steps == 4 and len(completions) in (1, 4, 16), len(completions)\n"
             "    if len(completions) == 1 and sum(completion_ids[0]) % 4 == 0: os._exit(7)\n"
             "    if any(sum(ids) % 4 == 0 for ids in completion_ids): raise RuntimeError('four')\n"
             "    return [-float(sum(ids) % 5) for ids in completion_ids]\n");
  const fs::path out = t_ / "mine";
  const Outcome o = r1(run_words(speck_, "trl:" + (t_ / "mine.py").string() + ":shorter", out.string()));
  ASSERT_EQ(o.code, 0) << o.err;
  size_t failed = 0, all = 0;
  for (const Json& line : json_lines_of(out / "verdicts.jsonl")) {
    all++;
    failed += line["verdict"] == "failed";
    EXPECT_EQ(line["verdict"] == "failed", line["score"].is_null());
    if (line["verdict"] == "failed") {
      EXPECT_NE(line["reason"].get<std::string>().find("code 7"), std::string::npos);
    }
  }
  double share = 0;
  for (const Json& step : json_lines_of(out / "metrics.jsonl"))
    if (step.contains("verdicts/failed")) share += step["verdicts/failed"].get<double>();
  EXPECT_EQ(all, 32u);
  EXPECT_NEAR(share / 4, static_cast<double>(failed) / 32, 1e-9);
}

TEST_F(GrpoTest, ARunIsAFolder) {
  const Outcome o = r1(run_words(speck_, reward_, t_ / "run"));
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.out, "") << "a run's lines are stderr's";
  EXPECT_NE(o.err.find("loss: maximise"), std::string::npos) << "the formula with its constants";
  const auto metrics = json_lines_of(t_ / "run/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 4u);
  for (size_t i = 0; i < metrics.size(); i++) {
    for (const char* key : kMetrics)
      EXPECT_TRUE(metrics[i].contains(key) && metrics[i][key].is_number()) << key << " of step " << i + 1;
    EXPECT_EQ(metrics[i]["step"], i + 1);
    EXPECT_EQ(metrics[i]["sampling/sampling_logp_difference/max"], 0.0) << "sampler and trainer are one";
    EXPECT_EQ(metrics[i]["sampling/importance_sampling_ratio/mean"], 1.0) << "sampler and trainer are one";
    EXPECT_GT(metrics[i].value("share/step", 0.0), 0.0);
    EXPECT_GT(metrics[i].value("share/rollout", 0.0), 0.0);
    EXPECT_GE(metrics[i].value("memory/peak_gb", 0.0), 0.01);
  }
  EXPECT_EQ(json_lines_of(t_ / "run/samples.jsonl").size(), 8u) << "four of each of the two rollouts";
  for (const char* step : {"step-2", "step-4"}) {
    const fs::path checkpoint = t_ / "run/checkpoints" / step;
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                             "chat_template.jinja", "trainer_state.json", "MANIFEST.json"})
      EXPECT_TRUE(fs::exists(checkpoint / name)) << checkpoint << " " << name;
    EXPECT_TRUE(done(r1({"logprobs", "--model", checkpoint}, "{\"ids\":[5,6,7]}\n"))) << "it is a model";
  }
  EXPECT_TRUE(same_bytes(t_ / "run/checkpoints/step-4/model.safetensors", t_ / "run/model/model.safetensors"));
  EXPECT_FALSE(same_bytes(t_ / "run/checkpoints/step-2/model.safetensors", t_ / "run/model/model.safetensors"));
  EXPECT_TRUE(refused(r1(run_words(speck_, reward_, t_ / "run")), 1, "holds a run already"));
}

TEST_F(GrpoTest, ItsRecipeIsARecipe) {
  ASSERT_TRUE(done(r1(run_words(speck_, reward_, t_ / "a"))));
  const Outcome again = r1({"grpo", t_ / "a/recipe.toml", "--out", t_ / "b", "--set", "threads=1"});
  ASSERT_TRUE(done(again));
  EXPECT_TRUE(same_bytes(t_ / "a/model/model.safetensors", t_ / "b/model/model.safetensors"));
  EXPECT_NE(read_file(t_ / "b/recipe.toml").find("\nthreads = 1\n"), std::string::npos) << "the command line wins";
  ASSERT_TRUE(done(r1({"grpo", t_ / "a/recipe.toml", "--out", t_ / "c", "--set", "seed=43"})));
  EXPECT_FALSE(same_bytes(t_ / "a/model/model.safetensors", t_ / "c/model/model.safetensors"));
}

TEST_F(GrpoTest, ResumeGoesOnWithTheSameRecipeOnly) {
  ASSERT_TRUE(done(r1(run_words(speck_, reward_, t_ / "whole"))));
  std::vector<std::string> half = run_words(speck_, reward_, t_ / "half");
  ASSERT_TRUE(done(r1(with_sets(half, {"max_steps=3"}))));  // in the middle of a rollout's two steps
  const Outcome other = r1(with_sets({"grpo", "--out", t_ / "half", "--resume"}, {"learning_rate=2e-3"}));
  EXPECT_EQ(other.code, 1);
  EXPECT_NE(other.err.find("learning_rate: the run has 0.001, now 0.002"), std::string::npos) << other.err;
  ASSERT_TRUE(done(r1(with_sets({"grpo", "--out", t_ / "half", "--resume"}, {"max_steps=4"}))));
  EXPECT_TRUE(same_bytes(t_ / "whole/model/model.safetensors", t_ / "half/model/model.safetensors"));
  const auto metrics = json_lines_of(t_ / "half/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 4u);
  for (size_t i = 0; i < 4; i++) EXPECT_EQ(metrics[i]["step"], i + 1);
  EXPECT_TRUE(refused(r1({"grpo", "--resume"}), 2, "--out"));
}

TEST_F(GrpoTest, MemoryIsPlannedAndMeasured) {
  const Outcome o = r1(with_sets({"grpo", "--model", "mini", "--data", "tasks:arithmetic", "--reward", "math"},
                                 {"out=" + (t_ / "run").string(), "max_steps=1", "max_completion_length=64"}));
  ASSERT_TRUE(done(o));
  for (const char* part : {"memory, GB", "weights", "optimiser state", "activations", "sampler, key cache", "together",
                           "peak memory", "planned"})
    EXPECT_NE(o.err.find(part), std::string::npos) << part;
  const Json line = json_lines_of(t_ / "run/metrics.jsonl").at(0);
  const double planned = line["memory/planned_gb"], peak = line["memory/peak_gb"];
  EXPECT_GT(planned, 0.1);
  EXPECT_GE(planned / peak, 0.95) << planned << " planned, " << peak << " used";
  EXPECT_LE(planned / peak, 1.35) << planned << " planned, " << peak << " used";
}

TEST_F(GrpoTest, WhatDoesNotFitTheMemoryIsRefused) {
  const Outcome o =
      r1(with_sets(run_words(speck_, reward_, t_ / "run"), {"memory_limit_gb=0.02", "micro_batch_tokens=16"}));
  EXPECT_TRUE(refused(o, 1, "are there (memory_limit_gb); nothing was begun"));
  for (const char* hint : {"max_active", "optim=adamw_8bit", "use_peft=true", "beta=0"})
    EXPECT_NE(o.err.find(hint), std::string::npos) << hint << ": " << o.err;
  EXPECT_FALSE(fs::exists(t_ / "run/metrics.jsonl"));
  EXPECT_TRUE(done(r1(with_sets(run_words(speck_, reward_, t_ / "run"), {"memory_limit_gb=4", "max_steps=1"}))))
      << "the same --out";
  EXPECT_TRUE(done(r1(with_sets({"grpo", "--out", t_ / "run", "--resume"}, {"memory_limit_gb=3", "max_steps=2"}))))
      << "another machine, the same run";
}

TEST_F(GrpoTest, TheMathRewardAndEvaluationOnTheWay) {
  ASSERT_TRUE(done(r1(with_sets(run_words(speck_, "math+format*0.5", t_ / "run"),
                                {"eval_steps=2", "eval_rows=3", "max_completion_length=4", "max_steps=2"}))));
  std::map<std::string, int> seen;
  for (const Json& line : json_lines_of(t_ / "run/metrics.jsonl"))
    for (const char* key : {"rewards/math/mean", "rewards/format/mean", "eval_accuracy", "eval_ci95", "eval_rows"})
      seen[key] += line.contains(key);
  EXPECT_EQ(seen["rewards/math/mean"], 2);
  EXPECT_EQ(seen["rewards/format/mean"], 2);
  EXPECT_EQ(seen["eval_accuracy"], 2) << "before the first step and after the second";
  EXPECT_EQ(seen["eval_rows"], 2);
}

TEST_F(GrpoTest, AnAuditBeforeStepZero) {
  const Outcome good = r1(with_sets(run_words(speck_, "math+format*0.5", t_ / "good"), {"max_steps=1"}));
  ASSERT_TRUE(done(good));
  EXPECT_NE(good.err.find("audit: 6 checks passed, 1 skipped"), std::string::npos) << good.err;
  const Json audit = Json::parse(read_file(t_ / "good/audit.json"));
  EXPECT_EQ(audit["passed"], true);
  EXPECT_EQ(audit["enforced"], true);

  write_file(t_ / "bad.jsonl", R"({"question":"1 + 1?","answer":"2 or 3"})"
                               "\n"
                               R"({"question":"2 + 1?","answer":"3 or 4"})"
                               "\n");
  std::vector<std::string> words = run_words(speck_, "math", t_ / "bad");
  words[4] = t_ / "bad.jsonl";
  const Outcome refused_run = r1(words);
  EXPECT_TRUE(refused(refused_run, 1, "gold_scores_right"));
  for (const char* part : {"row 0 (line 1)", "row 1 (line 2)", "what to do: ", "--no-audit"})
    EXPECT_NE(refused_run.err.find(part), std::string::npos) << part << ": " << refused_run.err;
  EXPECT_FALSE(fs::exists(t_ / "bad/metrics.jsonl"));
  EXPECT_EQ(Json::parse(read_file(t_ / "bad/audit.json"))["passed"], false);

  // the tags cannot be told from this template's end
  words = with_sets(run_words(speck_, "math+format", t_ / "trap"),
                    {"max_steps=1", "chat_template={{ messages[0].content }}<think>Okay,"});
  EXPECT_TRUE(refused(r1(words), 1, "template_agrees_with_format"));
  words.insert(words.begin() + 1, "--no-audit");
  const Outcome anyway = r1(words);
  ASSERT_TRUE(done(anyway)) << "the same --out: nothing was begun";
  EXPECT_NE(anyway.err.find("--no-audit: this run starts although its audit failed"), std::string::npos) << anyway.err;
  EXPECT_EQ(Json::parse(read_file(t_ / "trap/audit.json"))["enforced"], false);
  EXPECT_NE(read_file(t_ / "trap/recipe.toml").find("audit = false"), std::string::npos);
}

TEST_F(GrpoTest, WatchedPromptsAndTheFiguresOfR1) {
  ASSERT_TRUE(done(
      r1(with_sets(run_words(speck_, "math", t_ / "run"), {"watch_steps=2", "watch_prompts=2", "radar_steps=1"}))));
  const auto watched = json_lines_of(t_ / "run/watched.jsonl");
  ASSERT_EQ(watched.size(), 6u) << "two prompts at steps 0, 2 and 4";
  for (size_t i = 0; i < watched.size(); i++) {
    EXPECT_EQ(watched[i]["step"], 2 * (i / 2));
    EXPECT_EQ(watched[i]["row"], i % 2);
    EXPECT_EQ(watched[i]["prompt"], watched[i % 2]["prompt"]);
    EXPECT_TRUE(watched[i]["reflections"].is_array());
    EXPECT_TRUE(watched[i]["completion"].is_string() && watched[i]["outcome"].is_string());
  }
  for (const Json& line : json_lines_of(t_ / "run/metrics.jsonl"))
    for (const char* key :
         {"completions/repetition", "completions/mean_length_wrong", "reflection/total", "reflection/wait",
          "reflection/aha", "language/mixed", "guard/rollbacks", "radar/strict_score", "radar/gap", "radar/alarm"})
      EXPECT_TRUE(line.contains(key) && line[key].is_number()) << key;
}

TEST_F(GrpoTest, WrongUse) {
  const auto with = [&](const std::vector<std::string>& sets) {
    return r1(with_sets(run_words(speck_, reward_, t_ / "run"), sets));
  };
  EXPECT_TRUE(refused(with({"learning_rat=1"}), 2, "unknown key \"learning_rat\"; nearest is \"learning_rate\""));
  EXPECT_TRUE(refused(with({"loss_type=grop"}), 2, "nearest: grpo"));
  EXPECT_TRUE(refused(with({"max_steps=many"}), 2, "max_steps is \"many\", expected a whole number"));
  EXPECT_TRUE(refused(with({"num_generations=5"}), 2, "num_generations 5 does not divide"));
  EXPECT_TRUE(refused(with({"reward=nonsense"}), 2, "nonsense"));
  EXPECT_TRUE(refused(with({"reward="}), 2, "reward"));
  EXPECT_TRUE(refused(with({"threads=100000"}), 2, "threads"));
  EXPECT_TRUE(refused(with({"data=tasks:nothing"}), 2, "unknown task \"nothing\""));
  EXPECT_TRUE(refused(with({"model="}), 2, "--model"));
  EXPECT_TRUE(refused(with({"model=nowhere"}), 1, "nowhere"));
  EXPECT_TRUE(refused(with({"seed"}), 2, "expected key=value"));
  write_file(t_ / "bad.toml", "# a recipe\nmodel = \"mini\"\nlearning_rat = 1\nmax_stps = 2\n");
  const Outcome bad = r1({"grpo", t_ / "bad.toml", "--out", t_ / "run"});
  EXPECT_TRUE(refused(bad, 2, "bad.toml: unknown key \"learning_rat\"; nearest is \"learning_rate\""));
  EXPECT_TRUE(refused(bad, 2, "nearest is \"max_steps\"")) << "all at once";
  write_file(t_ / "stages.toml", "model = \"mini\"\n[grpo]\nseed = 1\n");
  EXPECT_TRUE(refused(r1({"grpo", t_ / "stages.toml"}), 2, "table [grpo]"));
  write_file(t_ / "broken.toml", "model = \"mini\"\nseed = = 1\n");
  EXPECT_TRUE(refused(r1({"grpo", t_ / "broken.toml"}), 2, "broken.toml: line 2"));
  EXPECT_TRUE(refused(r1({"grpo", t_ / "nothing.toml"}), 1, "nothing.toml"));
  EXPECT_FALSE(fs::exists(t_ / "run/metrics.jsonl")) << "none of them began a run";
}

}  // namespace
}  // namespace r1::e2e
