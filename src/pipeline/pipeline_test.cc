// What a pipeline reads and refuses before anything runs; that it runs and goes on is tests/e2e/run_test.cc.
#include "pipeline/pipeline.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"

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
    PipelineReport report;
    try {
      run_pipeline(recipe_, report);
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
  EXPECT_EQ(error(), "usage: pipeline_eval_rows is 0, expected at least 1");
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
                          "pipeline_eval_max_length"})
    EXPECT_NE(pipeline_keys_help().find(key), std::string::npos) << key;
}

}  // namespace
}  // namespace r1
