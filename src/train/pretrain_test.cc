#include "train/pretrain.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/tiny_run.h"

namespace r1 {
namespace {

class Pretrain : public testing::Test {
 protected:
  KeyValues pretrain_keys(const std::string& out, const std::string& data = "world:corpus") const {
    return {{"model", model_},
            {"out", (t_ / out).string()},
            {"data", data},
            {"task_rows", "64"},
            {"per_device_train_batch_size", "8"},
            {"max_steps", "6"},
            {"max_length", "96"},
            {"save_steps", "2"},
            {"learning_rate", "1e-2"},
            {"threads", "1"}};
  }
  static bool run(const KeyValues& values, bool resume = false) {
    return run_pretrain(make_run<PretrainRun>(values, resume));
  }
  // Lines of one kind of the run's metrics, without what clocks and memory say.
  std::vector<double> series(const std::string& out, const std::string& key) const {
    std::vector<double> values;
    for (const auto& line : json_lines(t_ / out / "metrics.jsonl"))
      if (line.contains(key)) values.push_back(line[key].get<double>());
    return values;
  }
  TempFolder t_;
  const std::string model_ = write_tiny_model(t_ / "tiny");
};

const KeyValues kLooks = {{"eval_steps", "3"},
                          {"eval_rows", "16"},
                          {"eval_questions", "4"},
                          {"prompt_template", "none"},
                          {"max_completion_length", "12"}};

TEST_F(Pretrain, LearnsTextsAndLooksAtHeldOutOnes) {
  ASSERT_TRUE(run(pretrain_keys("run") + kLooks));
  const std::vector<double> losses = series("run", "loss");
  ASSERT_EQ(losses.size(), 6u);
  EXPECT_NEAR(losses[0], std::log(static_cast<double>(tiny_run_config().vocabulary)), 0.3);  // knows nothing yet
  EXPECT_LT(losses[5], losses[0] - 0.2);
  const std::vector<double> held_out = series("run", "eval_loss");
  ASSERT_EQ(held_out.size(), 2u);
  EXPECT_LT(held_out[1], held_out[0]);
  EXPECT_EQ(series("run", "eval_accuracy").size(), 2u);
  EXPECT_EQ(series("run", "eval_rows"), (std::vector<double>{4, 4}));
}

TEST_F(Pretrain, LooksChangeNothing) {
  ASSERT_TRUE(run(pretrain_keys("with") + kLooks));
  ASSERT_TRUE(run(pretrain_keys("without")));
  EXPECT_EQ(series("with", "loss"), series("without", "loss"));
  EXPECT_EQ(bytes_of(t_ / "with" / "model" / "model.safetensors"),
            bytes_of(t_ / "without" / "model" / "model.safetensors"));
}

TEST_F(Pretrain, GoesOnWhereItWasKilled) {
  ASSERT_TRUE(run(pretrain_keys("whole") + kLooks));
  ASSERT_TRUE(run(pretrain_keys("cut") + kLooks));
  // as a process leaves it that was killed in step 5, before its look: the last checkpoint is that of step 4
  std::filesystem::remove_all(t_ / "cut" / "checkpoints" / "step-6");
  std::filesystem::remove_all(t_ / "cut" / "model");
  ASSERT_TRUE(run(pretrain_keys("cut") + kLooks, true));
  EXPECT_EQ(series("cut", "loss"), series("whole", "loss"));
  EXPECT_EQ(series("cut", "eval_loss"), series("whole", "eval_loss"));
  EXPECT_EQ(series("cut", "eval_accuracy"), series("whole", "eval_accuracy"));
  EXPECT_EQ(bytes_of(t_ / "cut" / "model" / "model.safetensors"),
            bytes_of(t_ / "whole" / "model" / "model.safetensors"));
}

TEST_F(Pretrain, TakesFilesOfTexts) {
  std::string lines;
  for (int i = 0; i < 40; i++)
    lines += nlohmann::ordered_json({{"text", fmt::format("a text, number {}", i)}}).dump() + "\n";
  write_bytes(t_ / "texts.jsonl", lines);
  const std::string data = (t_ / "texts.jsonl").string();
  ASSERT_TRUE(run(pretrain_keys("run", data)));
  EXPECT_NE(error_of([&] { run(pretrain_keys("no", data) + kLooks); }).find("give held_out_fraction"),
            std::string::npos);
  ASSERT_TRUE(run(pretrain_keys("split", data) + kLooks + KeyValues{{"held_out_fraction", "0.2"}}));
  EXPECT_EQ(series("split", "eval_loss").size(), 2u);
}

TEST_F(Pretrain, RefusesRowsThatAreNoTexts) {
  EXPECT_NE(error_of([&] { run(pretrain_keys("run", "world:general")); }).find("r1 pretrain needs text"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run(pretrain_keys("run") + KeyValues{{"eval_steps", "-1"}}); }).find("eval_steps is -1"),
            std::string::npos);
}

}  // namespace
}  // namespace r1
