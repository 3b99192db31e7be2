// What a pipeline reads and refuses before anything runs; that it runs and goes on is tests/e2e/run_test.cc.
#include "pipeline/pipeline.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "pipeline/evaluation.h"
#include "pipeline/gate.h"
#include "pipeline/provenance.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest() {
    std::string name = (fs::temp_directory_path() / "r1_pipeline_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail("{}: cannot make a folder", name);
    folder_ = name;
    recipe_.name = "r.toml";
    recipe_.shared = {{"model", (folder_ / "model").string()}, {"out", out()}, {"data", "tasks:arithmetic"}};
    recipe_.stages = {{"sft", {}}, {"rl", {{"stage", "grpo"}, {"num_generations", "4"}}}};
  }
  ~PipelineTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string out() const { return (folder_ / "run").string(); }
  // The error's text; "usage: " in front where it is the user's words that are wrong.
  std::string error() const {
    try {
      (void)run_pipeline(recipe_);
    } catch (const UsageError& e) {
      EXPECT_FALSE(fs::exists(out())) << "something ran before all keys were read";
      return std::string("usage: ") + e.what();
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  }

  fs::path folder_;
  PipelineRecipe recipe_;
};

TEST_F(PipelineTest, AnErrorOfAStageNamesIt) {
  const std::string text = error();  // all keys are right; the model is not there
  EXPECT_TRUE(text.starts_with("stage [sft]: ")) << text;
  EXPECT_NE(text.find("no such file or folder"), std::string::npos) << text;
}

TEST_F(PipelineTest, KeysOfTheRecipe) {
  recipe_.shared.push_back({"max_stps", "1"});
  EXPECT_EQ(error(), "usage: r.toml: unknown key \"max_stps\"; nearest is \"max_steps\"");
  recipe_.shared.back() = {"pipeline_eval_row", "1"};
  EXPECT_EQ(error(), "usage: r.toml: unknown key \"pipeline_eval_row\"; nearest is \"pipeline_eval_rows\"");
  recipe_.shared.back() = {"pipeline_eval_rows", "0"};
  EXPECT_EQ(error(), "usage: r.toml: pipeline_eval_rows is 0, expected at least 1");
  recipe_.shared.back() = {"max_length", "none"};
  EXPECT_EQ(error(), "usage: r.toml: stage [sft]: max_length is \"none\", expected a whole number");
}

TEST_F(PipelineTest, KeysOfAStage) {
  KeyValues& own = recipe_.stages[1].second;
  own.push_back({"max_length", "8"});  // sft's
  EXPECT_TRUE(error().starts_with("usage: r.toml: stage [rl]: unknown key \"max_length\"")) << error();
  own.back() = {"output_dir", "x"};
  EXPECT_TRUE(error().starts_with("usage: r.toml: stage [rl]: has a key output_dir")) << error();
  own.back() = {"num_generations", "7"};
  EXPECT_TRUE(error().starts_with("usage: stage [rl]: a rollout has 64 completions")) << error();
}

TEST_F(PipelineTest, WhatAStageBeginsWithStandsBeforeIt) {
  KeyValues& own = recipe_.stages[1].second;
  own.push_back({"from", "sftt"});
  EXPECT_EQ(error(), "usage: r.toml: stage [rl]: from names sftt, which is no stage before it; nearest is \"sft\"");
  own.back() = {"from", "rl"};
  EXPECT_TRUE(error().starts_with("usage: r.toml: stage [rl]: from names rl, which is no stage before it")) << error();
  own.back() = {"reward", "rm:{sft.data}"};
  EXPECT_EQ(error(), "usage: r.toml: stage [rl]: reward: sft makes no data");
  own.back() = {"reward", "rm:{sfd.model}"};
  EXPECT_TRUE(error().starts_with("usage: r.toml: stage [rl]: reward names sfd")) << error();
  own.pop_back();
  recipe_.stages.push_back(recipe_.stages[1]);
  EXPECT_EQ(error(), "usage: r.toml: stage [rl]: is there twice");
  recipe_.stages.pop_back();
  recipe_.until = "lr";
  EXPECT_TRUE(error().starts_with("usage: r.toml: has no stage \"lr\"")) << error();
}

TEST_F(PipelineTest, TheGraph) {
  recipe_.stages = {{"a", {{"stage", "sft"}}},
                    {"b", {{"stage", "grpo"}, {"chat_template", "{%- if x -%}{{ y }}{%- endif -%}"}}},
                    {"c", {{"stage", "sft"}, {"from", "base"}, {"data", "{b}/rows.jsonl"}}},
                    {"d", {{"stage", "eval"}, {"from", "a"}}},
                    {"e", {{"stage", "eval"}, {"model", "mini"}}}};
  recipe_.given = {{"c.gate", "accuracy >= 0.5"}, {"pipeline_eval_rows", "7"}, {"d.pipeline_eval_rows", "3"}};
  const StageGraph graph(recipe_);
  EXPECT_EQ(graph.stage("a").from, "");
  EXPECT_EQ(graph.stage("b").from, "a");
  EXPECT_EQ(graph.stage("c").from, "");
  EXPECT_EQ(graph.stage("c").needs, std::vector<std::string>{"b"});
  EXPECT_EQ(graph.stage("c").gate, "accuracy >= 0.5");
  EXPECT_EQ(graph.stage("d").from, "a");
  EXPECT_EQ(graph.policy_of(graph.stage("b")), out() + "/stages/b/model");
  EXPECT_EQ(graph.policy_of(graph.stage("d")), out() + "/stages/a/model") << "it looks at what it begins with";
  EXPECT_EQ(graph.policy_of(graph.stage("e")), "mini") << "its own key";
  EXPECT_EQ(graph.stage("c").eval.rows, 7);
  EXPECT_EQ(graph.stage("d").eval.rows, 3);
  EXPECT_EQ(graph.make(graph.stage("c"))->data().data, out() + "/stages/b/rows.jsonl");
  EXPECT_EQ(graph.make(graph.stage("b"))->prompt().chat_template, "{%- if x -%}{{ y }}{%- endif -%}");
}

TEST_F(PipelineTest, DataOfTheCommandLineStandsForTheRecipes) {
  recipe_.stages = {{"a", {{"stage", "sft"}}},
                    {"b", {{"stage", "grpo"}, {"data", "tasks:countdown"}}},
                    {"c", {{"stage", "grpo"}, {"data", "{data}:4,world:general:1"}}},
                    {"d", {{"stage", "eval"}, {"pipeline_eval_data", "tasks:sorting"}}}};
  recipe_.given = {{"dataset_name", "mine.jsonl"}};
  const auto data = [&](const char* stage) {
    const StageGraph graph(recipe_);
    return graph.make(graph.stage(stage))->data().data;
  };
  EXPECT_EQ(data("a"), "mine.jsonl");
  EXPECT_EQ(data("b"), "tasks:countdown") << "it names its own";
  EXPECT_EQ(data("c"), "mine.jsonl:4,world:general:1");
  EXPECT_EQ(StageGraph(recipe_).stage("b").eval.data, "mine.jsonl") << "the same held-out items after every stage";
  EXPECT_EQ(StageGraph(recipe_).stage("d").eval.data, "tasks:sorting");
  recipe_.given.push_back({"b.data", "tasks:mazes"});
  EXPECT_EQ(data("b"), "tasks:mazes");
}

TEST_F(PipelineTest, WhoseAnswersAreCompared) {
  recipe_.shared.push_back({"pipeline_eval_general_data", "world:general"});
  recipe_.stages = {{"base", {{"stage", "eval"}}},
                    {"a", {{"stage", "sft"}, {"from", "base"}}},
                    {"rm", {{"stage", "reward-model"}}},
                    {"b", {{"stage", "grpo"}, {"from", "a"}}},
                    {"c", {{"stage", "grpo"}, {"from", "a"}, {"pipeline_eval_against", "base"}}}};
  const auto against = [&](const char* stage) { return StageGraph(recipe_).stage(stage).eval.against; };
  EXPECT_EQ(against("base"), "");
  EXPECT_EQ(against("a"), "base");
  EXPECT_EQ(against("rm"), "") << "it says nothing";
  EXPECT_EQ(against("b"), "a");
  EXPECT_EQ(against("c"), "base");
  recipe_.stages[4].second.back() = {"pipeline_eval_against", "rm"};
  EXPECT_EQ(error(),
            "usage: stage [c]: pipeline_eval_against names rm, which is no stage before it that answers "
            "general questions");
}

TEST(WinRateTest, WinsAndHalfTheTies) {
  using Json = nlohmann::ordered_json;
  const auto answers = [](std::vector<std::pair<double, const char*>> scores) {
    std::vector<Json> out;
    for (const auto& [score, outcome] : scores)
      out.push_back(
          {{"row", out.size()}, {"prompt", "q" + std::to_string(out.size())}, {"outcome", outcome}, {"score", score}});
    return out;
  };
  const auto ours =
      answers({{1, "correct"}, {0.5, "wrong"}, {0.3, "wrong"}, {0.1 + 0.2, "wrong"}, {9, "failed"}, {1, "correct"}});
  const auto theirs =
      answers({{0.5, "correct"}, {0.5, "wrong"}, {0.4, "wrong"}, {0.3, "wrong"}, {0, "wrong"}, {0, "failed"}});
  const Json w = win_rate_of(ours, theirs, "dev3");
  EXPECT_EQ(w["win_rate"], 0.5) << "one won, two alike, one lost";
  EXPECT_EQ(w["preference"], Json({{"against", "dev3"}, {"wins", 1}, {"ties", 2}, {"losses", 1}, {"rows", 4}}));
  // the squared error of the mean is (1/4 + 0 + 0 + 1/4) / 3 / 4, that of 6 answers of which half are right; Wilson's
  // interval of 3 in 6, by hand: 0.5 -+ z / (1 + z^2 / 6) sqrt(1 / 24 + z^2 / 144), z = 1.96
  EXPECT_NEAR(w["win_rate_ci95"][0].get<double>(), 0.18762, 1e-4);
  EXPECT_NEAR(w["win_rate_ci95"][1].get<double>(), 0.81238, 1e-4);
  EXPECT_TRUE(win_rate_of({}, {}, "x").empty());
  auto others = theirs;
  others[1]["prompt"] = "another";
  EXPECT_THROW(win_rate_of(ours, others, "dev3"), Error);
}

TEST_F(PipelineTest, WhatGoesIntoAStageIsItsKey) {
  const auto key = [&](const std::string& stage) {
    const StageGraph graph(recipe_);
    return Provenance(graph, graph.stage(stage),
                      [](const std::string& s, const std::string& part) { return "digest of " + s + " " + part; });
  };
  const std::string plain = key("rl").key();
  recipe_.given = {{"threads", "1"}, {"save_steps", "5"}, {"out", out() + "-elsewhere"}};
  EXPECT_EQ(key("rl").key(), plain) << "neither place nor speed";
  const Provenance before = key("rl");
  recipe_.given = {{"rl.learning_rate", "0.5"}};
  EXPECT_NE(key("rl").key(), plain);
  EXPECT_EQ(before.difference(key("rl")), "learning_rate (was 1e-05, is 0.5)");
  recipe_.given = {{"sft.learning_rate", "0.5"}};
  EXPECT_EQ(key("rl").key(), plain) << "another stage's counts through its result alone";
}

TEST_F(PipelineTest, DigestsAreOfContent) {
  for (const char* name : {"one", "two"}) {
    fs::create_directory(folder_ / name);
    replace_file((folder_ / name / "config.json").string(), "{}");
    replace_file((folder_ / name / "model.safetensors").string(), "weights");
  }
  const auto digest = [&](const char* name) { return model_digest((folder_ / name).string()); };
  EXPECT_EQ(digest("one"), digest("two"));
  replace_file((folder_ / "two" / "README.md").string(), "no part of the model");
  EXPECT_EQ(digest("one"), digest("two"));
  replace_file((folder_ / "two" / "model.safetensors").string(), "other weights");
  EXPECT_NE(digest("one"), digest("two"));
  EXPECT_EQ(model_digest("http://h/v1#m"), "http://h/v1#m") << "nothing of a server's model is here";
  EXPECT_EQ(data_digest("tasks:countdown"), "tasks:countdown");
  EXPECT_EQ(data_digest((folder_ / "one" / "config.json").string()),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");  // sha256sum of {}
}

TEST(GateTest, HoldsWithConfidence) {
  const nlohmann::ordered_json numbers = {{"accuracy", 0.5},
                                          {"ci95", {0.45, 0.55}},
                                          {"mixed", 0.1},
                                          {"general", {{"accuracy", 0.9}, {"ci95", {0.8, 0.95}}}}};
  const auto passed = [&](const char* rule) { return hold_against(parse_gate(rule), numbers).passed; };
  EXPECT_TRUE(passed("accuracy >= 0.45"));
  EXPECT_FALSE(passed("accuracy >= 0.46")) << "0.5 it is, but not with 95 % confidence";
  EXPECT_TRUE(passed("accuracy <= 0.55"));
  EXPECT_FALSE(passed("accuracy <= 0.54"));
  EXPECT_TRUE(passed("mixed<=0.1"));
  EXPECT_TRUE(passed("general.accuracy >= 0.8"));
  EXPECT_FALSE(passed("general.accuracy >= 0.81"));
  EXPECT_EQ(hold_against(parse_gate("accuracy>=0.4"), numbers).text, "accuracy 0.5 (95 %: 0.45 to 0.55) >= 0.4");
  EXPECT_THROW(hold_against(parse_gate("acuracy >= 0"), numbers), Error);
  for (const char* wrong : {"", "accuracy", "accuracy > 0.5", "accuracy >= half", ">= 1", "accuracy >= 0.5 mixed <= 1"})
    EXPECT_THROW(parse_gate(wrong), UsageError) << wrong;
}

TEST_F(PipelineTest, StagesAreKnownAndPlainlyNamed) {
  recipe_.stages[0].first = "sfft";
  EXPECT_TRUE(error().starts_with("usage: r.toml: stage [sfft]: \"sfft\" is no stage")) << error();
  for (const char* name : {"../x", "", "a b", "a/b", "."}) {
    recipe_.stages[0] = {name, {{"stage", "sft"}}};
    EXPECT_TRUE(error().starts_with("usage: r.toml: stage [" + std::string(name) + "]: expected a name")) << error();
  }
  recipe_.stages.clear();
  EXPECT_TRUE(error().starts_with("usage: r.toml: has no stages")) << error();
}

TEST_F(PipelineTest, KeysOfTheCommandLine) {
  recipe_.given = {{"rl.max_stps", "1"}};
  EXPECT_EQ(error(), "usage: stage [rl]: unknown key \"max_stps\"; nearest is \"max_steps\"");
  recipe_.given = {{"rll.max_steps", "1"}};
  EXPECT_TRUE(error().find("nearest is \"rl\"") != std::string::npos) << error();
  recipe_.given = {{"rl.out", "x"}};
  EXPECT_TRUE(error().starts_with("usage: --set rl.out")) << error();
  recipe_.given = {{"learning_rte", "1"}};
  EXPECT_EQ(error(), "usage: unknown key \"learning_rte\"; nearest is \"learning_rate\"");
  recipe_.given = {{"model", "/nowhere/at/all"}};
  EXPECT_NE(error().find("/nowhere/at/all"), std::string::npos) << "it counts more than the recipe's";
}

TEST_F(PipelineTest, WhatIsMissing) {
  recipe_.shared = {{"model", "mini"}, {"data", "tasks:arithmetic"}};
  EXPECT_TRUE(error().starts_with("usage: no folder for the pipeline given")) << error();
  recipe_.shared = {{"model", "mini"}, {"out", out()}};
  EXPECT_TRUE(error().starts_with("usage: r.toml: stage [sft]: no data given")) << error();
  recipe_.shared = {{"out", out()}, {"data", "tasks:arithmetic"}};
  EXPECT_TRUE(error().starts_with("usage: stage [sft]: no model given")) << error();
}

TEST_F(PipelineTest, AFolderThatHoldsSomethingIsLeftAlone) {
  fs::create_directory(out());
  replace_file(out() + "/mine.txt", "mine");
  EXPECT_TRUE(error().starts_with(out() + ": holds something already; --resume")) << error();
  EXPECT_EQ(read_text_file(out() + "/mine.txt"), "mine");
}

TEST(PipelineHelpTest, ListsItsKeys) {
  for (const char* key : {"pipeline_eval_data", "pipeline_eval_reward", "pipeline_eval_rows", "pipeline_eval_samples",
                          "pipeline_eval_max_length", "gate", "from"})
    EXPECT_NE(pipeline_keys_help().find(key), std::string::npos) << key;
}

}  // namespace
}  // namespace r1
