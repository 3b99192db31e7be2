// r1 run: a pipeline of stages.
#include <signal.h>

#include <chrono>
#include <random>
#include <set>
#include <thread>

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
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0]["name"], "start");
  EXPECT_EQ(stages[0]["kind"], "sft");
  EXPECT_EQ(stages[1]["name"], "grpo");
  EXPECT_EQ(stages[2]["complete"], true);
  EXPECT_EQ(stages[2]["digest"].get<std::string>().size(), 64u);
  for (const Json& s : {stages[0], stages[1]}) {
    EXPECT_EQ(s["eval"]["rows"], 5);
    EXPECT_EQ(s["eval"]["ci95"].size(), 2u);
    for (const char* key : {"model", "seconds", "flops", "eval", "artefacts", "key"})
      EXPECT_TRUE(s.contains(key)) << key;
    EXPECT_GT(s["flops"], 0.0);
    EXPECT_TRUE(fs::exists(fs::path(s["model"].get<std::string>()) / "model.safetensors"));
  }
  const Json summary = Json::parse(read_file(t_ / "a/summary.json"));
  EXPECT_EQ(summary["stages"].size(), 2u);
  EXPECT_EQ(summary["digest"], stages[2]["digest"]);
  EXPECT_EQ(json_lines(read_file(t_ / "a/stages/grpo/answers.jsonl")).size(), 5u);
  EXPECT_NE(
      read_file(t_ / "a/stages/grpo/recipe.toml").find("model = \"" + (t_ / "a/stages/start/model").string() + "\""),
      std::string::npos)
      << "a stage begins with what the one before it made";
  EXPECT_TRUE(refused(r1(words("a")), 1, "--resume goes on with it"));
  const auto written = fs::last_write_time(t_ / "a/stages/start/metrics.jsonl");
  std::vector<std::string> again = words("a");
  again.push_back("--resume");
  const Outcome second = r1(again);
  ASSERT_TRUE(done(second));
  EXPECT_EQ(second.out, o.out);
  EXPECT_EQ(fs::last_write_time(t_ / "a/stages/start/metrics.jsonl"), written) << "a finished stage is not done again";
  EXPECT_EQ(second.err.find("r1 sft"), std::string::npos) << second.err;
  const Outcome human = r1({"run", t_ / "recipe.toml", "--out", t_ / "a", "--resume"});
  EXPECT_NE(human.out.find("The model is in "), std::string::npos) << human.out;
}

TEST_F(RunSlow, TheCommandLineCountsMore) {
  ASSERT_TRUE(done(r1(words("a", {"max_steps=1", "grpo.max_steps=3", "start.learning_rate=0.5"}))));
  EXPECT_EQ(json_lines_of(t_ / "a/stages/start/metrics.jsonl").size(), 1u) << "max_steps=1 is for all stages";
  EXPECT_EQ(json_lines_of(t_ / "a/stages/start/metrics.jsonl")[0]["learning_rate"], 0.5);
  EXPECT_EQ(json_lines_of(t_ / "a/stages/grpo/metrics.jsonl").size(), 3u) << "STAGE.key counts more";
}

TEST_F(RunSlow, KilledOrInterruptedItGoesOnWhereItWas) {
  const std::vector<std::string> sets = {"grpo.max_steps=14", "max_completion_length=48"};
  ASSERT_TRUE(done(r1(words("whole", sets))));
  std::vector<std::string> all = words("cut", sets);
  all.push_back("--resume");  // nothing there yet: it begins
  const auto steps = [&] { return json_lines(read_file(t_ / "cut/stages/grpo/metrics.jsonl")).size(); };
  for (const auto& [signal, at] : {std::pair(SIGKILL, 4), std::pair(SIGINT, 8)}) {
    Running run({.words = all});
    ASSERT_TRUE(run.until([&] {
      const std::string text = read_file(t_ / "cut/stages/grpo/metrics.jsonl");
      return std::count(text.begin(), text.end(), '\n') >= at;
    }));
    run.send(signal);
    const Outcome o = run.wait();
    if (signal == SIGKILL) {
      EXPECT_EQ(o.signal, SIGKILL);
      continue;
    }
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(json_lines(o.out).size(), 2u) << "the finished stage, and that it is not all";
    EXPECT_EQ(json_lines(o.out)[1]["complete"], false);
    EXPECT_NE(o.err.find("go on with: r1 run"), std::string::npos) << o.err;
  }
  ASSERT_TRUE(done(r1(all)));
  EXPECT_EQ(steps(), 14u);
  EXPECT_TRUE(
      same_bytes(t_ / "cut/stages/grpo/model/model.safetensors", t_ / "whole/stages/grpo/model/model.safetensors"));
  const auto digest = [&](const char* run) { return Json::parse(read_file(t_ / run / "summary.json"))["digest"]; };
  EXPECT_EQ(digest("cut"), digest("whole"));
}

// One stage of every kind that writes something, each short.
std::string all_kinds(const TempFolder& t) {
  std::string pairs, labelled;
  for (int i = 0; i < 12; i++) {
    const std::string question = "Calculate " + std::to_string(i) + " + 1.";
    pairs += Json({{"prompt", question}, {"chosen", std::to_string(i + 1)}, {"rejected", "no"}}).dump() + "\n";
    labelled += Json({{"prompt", question}, {"completion", "ok"}, {"label", i % 2 == 0}}).dump() + "\n";
  }
  write_file(t / "pairs.jsonl", pairs);
  write_file(t / "labelled.jsonl", labelled);
  return "model = \"" + (t / "speck-shape").string() +
         "\"\ndata = \"tasks:arithmetic\"\nseed = 3\nthreads = 1\nmax_steps = 3\nsave_steps = 1\n"
         "pipeline_eval_rows = 5\npipeline_eval_max_length = 6\npipeline_eval_general_data = \"world:general\"\n"
         "max_completion_length = 12\nlearning_rate = 1e-3\nnum_generations = 4\n"
         "[start]\nstage = \"pretrain\"\nrandom_init = true\ndata = \"world:corpus\"\ntask_rows = 64\nmax_length = 48\n"
         "[trace]\ntrace_candidates = 6\ntrace_wrong = 2\nmax_rollouts = 4\nrepair_attempts = 4\n"
         "[sft]\ntask_rows = 64\n"
         "[grpo]\nper_device_train_batch_size = 8\nreward = \"" +
         spreading_reward(t) +
         "\"\n[reject]\ntask_rows = 12\nbatch_prompts = 3\nreward = \"none\"\nfilters = \"none\"\n"
         "max_completion_length = 40\n"
         "[pairs]\nstage = \"reward-model\"\nfrom = \"sft\"\ndata = \"" +
         (t / "pairs.jsonl").string() +
         "\"\n[labels]\nstage = \"reward-model\"\nfrom = \"sft\"\nrm_loss = \"pointwise\"\ndata = \"" +
         (t / "labelled.jsonl").string() +
         "\"\n[on-policy]\nstage = \"distill\"\nfrom = \"sft\"\ndistill_method = \"on_policy\"\n"
         "teacher = \"{grpo.model}\"\nper_device_train_batch_size = 8\n";
}

TEST_F(RunSlow, KilledAtRandomMomentsOfAllStages) {
  write_file(t_ / "recipe.toml", all_kinds(t_));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(done(r1(words("whole"))));
  const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::vector<std::string> again = words("cut");
  again.push_back("--resume");
  std::mt19937 draws(7);
  std::set<std::string> seen;
  for (int kill = 0; kill < 6; kill++) {
    Running run({.words = again});
    const double pause = whole * (0.1 + 0.35 * static_cast<double>(draws() % 1000) / 1000);
    const auto start = std::chrono::steady_clock::now();
    while (!run.ended() && std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < pause)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (run.ended()) {
      EXPECT_EQ(run.wait().code, 0) << "a resumed run failed by itself";
      break;
    }
    run.send(SIGKILL);
    EXPECT_EQ(run.wait().signal, SIGKILL);
    std::error_code none;
    for (const auto& stage : fs::directory_iterator(t_ / "cut/stages", none)) seen.insert(stage.path().filename());
  }
  EXPECT_GE(seen.size(), 2u) << "kills fell into the first stage alone";
  ASSERT_TRUE(done(r1(again)));
  const auto summary = [&](const char* run) { return Json::parse(read_file(t_ / run / "summary.json")); };
  EXPECT_EQ(summary("cut")["digest"], summary("whole")["digest"]);
  for (size_t i = 0; i < summary("whole")["stages"].size(); i++) {
    const Json a = summary("whole")["stages"][i], b = summary("cut")["stages"][i];
    EXPECT_EQ(a["artefacts"], b["artefacts"]) << a["name"];
    EXPECT_EQ(a["eval"], b["eval"]) << a["name"];
    EXPECT_EQ(a["result"], b["result"]) << a["name"];
  }
  EXPECT_TRUE(fs::exists(t_ / "cut/stages/trace/trace.json"));
  EXPECT_GE(summary("cut")["stages"].back()["eval"]["preference"]["rows"], 1) << "compared with [sft]";
}

TEST_F(RunSlow, FromUntilGatesAndChangedRecipes) {
  std::vector<std::string> until = words("a");
  until.insert(until.end(), {"--until", "start"});
  const Outcome first = r1(until);
  ASSERT_TRUE(done(first));
  ASSERT_EQ(json_lines(first.out).size(), 2u);
  EXPECT_EQ(json_lines(first.out)[1]["complete"], false);
  EXPECT_FALSE(fs::exists(t_ / "a/stages/grpo"));
  std::vector<std::string> changed = words("a", {"start.learning_rate=0.5"});
  changed.push_back("--resume");
  EXPECT_TRUE(refused(r1(changed), 1, "stage [start] was made from something else: learning_rate (was 0.001, is 0.5)"));
  changed.insert(changed.end(), {"--from", "start", "--set", "start.gate=accuracy >= 0.99"});
  EXPECT_TRUE(refused(r1(changed), 1, "stage [start]: its gate is not passed: accuracy"));
  EXPECT_EQ(json_lines_of(t_ / "a/stages/start/metrics.jsonl")[0]["learning_rate"], 0.5);
  EXPECT_EQ(json_lines_of(t_ / "a/replaced/1/start/metrics.jsonl")[0]["learning_rate"], 0.001) << "kept aside";
  EXPECT_EQ(Json::parse(read_file(t_ / "a/summary.json"))["stages"][0]["gate"]["passed"], false);
  EXPECT_FALSE(fs::exists(t_ / "a/stages/grpo"));
}

TEST_F(RunSlow, DryRunPredictsAndDoesNothing) {
  std::vector<std::string> dry = words("a");
  dry.push_back("--dry-run");
  const Outcome o = r1(dry);
  ASSERT_TRUE(done(o));
  const auto stages = json_lines(o.out);
  ASSERT_EQ(stages.size(), 2u);
  for (const Json& s : stages) {
    EXPECT_EQ(s["steps"], 2);
    EXPECT_GT(s["seconds"], 0.0);
    EXPECT_GT(s["memory_gb"], 0.0);
    EXPECT_EQ(s["finished"], false);
  }
  EXPECT_EQ(stages[1]["from"], "start");
  EXPECT_FALSE(fs::exists(t_ / "a"));
}

TEST_F(RunSlow, OurOwnRecipesAreUnderstood) {
  write_file(t_ / "words.jsonl", "{\"question\":\"2+2?\",\"answer\":\"4\"}\n");
  for (const char* name : {"r1-mini", "r1-smollm2", "r1"}) {
    const std::string recipe = std::string(R1_SOURCE_DIR) + "/recipes/" + name + ".toml";
    const Outcome o = r1(with_sets({"run", recipe, "--model", "mini", "--out", t_ / "none", "--dry-run", "--json"},
                                   {"data=" + (t_ / "words.jsonl").string()}));
    ASSERT_TRUE(done(o)) << name;
    EXPECT_GE(json_lines(o.out).size(), 14u) << name;
  }
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
