// Reward models: losses against PyTorch, runs that learn and go on, and what they are worth as a reward.
#include "train/reward_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/threads.h"
#include "data/tasks/task_rows.h"
#include "train/model_reward.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// Expected values: PyTorch 2.15 in float64, -logsigmoid(c - r - m) + k (c + r)^2 as TRL's RewardTrainer has it, and
// binary_cross_entropy_with_logits; slopes by autograd.
TEST(RewardLosses, AgreeWithPyTorch) {
  struct Case {
    double chosen, rejected, margin, center, loss, slope, slope_other;
  };
  for (const Case& c : {Case{0.75, -0.5, 0, 0, 0.2519290813453729, -0.22270013882530884, 0.22270013882530884},
                        Case{-2, 1.5, 0.25, 0.01, 3.775745464372425, -0.9870226300899744, 0.9670226300899744},
                        Case{30, -40, 0, 0, 3.975449735908647e-31, -3.975449735908647e-31, 3.975449735908647e-31},
                        Case{-300, 500, 1, 0, 801, -1, 1}}) {
    const ScoreLoss got = pairwise_loss(c.chosen, c.rejected, c.margin, c.center);
    EXPECT_NEAR(got.loss, c.loss, 1e-14 * (1 + std::abs(c.loss)));
    EXPECT_NEAR(got.slope, c.slope, 1e-14);
    EXPECT_NEAR(got.slope_other, c.slope_other, 1e-14);
  }
  EXPECT_NEAR(pairwise_loss(30, -40, 0, 0).loss / 3.975449735908647e-31, 1, 1e-12);
  struct Point {
    double score;
    bool good;
    double loss, slope;
  };
  for (const Point& p : {Point{0.75, true, 0.38687100611489994, -0.320821300824607},
                         Point{0.75, false, 1.1368710061148999, 0.679178699175393}, Point{-40, true, 40, -1},
                         Point{900, false, 900, 1}}) {
    const ScoreLoss got = pointwise_loss(p.score, p.good);
    EXPECT_NEAR(got.loss, p.loss, 1e-14 * (1 + p.loss));
    EXPECT_NEAR(got.slope, p.slope, 1e-14);
  }
}

TEST(RewardTexts, TheSummaryIsWhatFollowsTheThought) {
  EXPECT_EQ(summary_of("<think>a</think>\n b ", ""), "b");
  EXPECT_EQ(summary_of("a</think> b", "<think>\n"), "b");
  EXPECT_EQ(summary_of("no thought at all", ""), "no thought at all");
  EXPECT_EQ(summary_of("a thought without an end", "<think>\n"), "");
  EXPECT_EQ(summary_of("<think> without an end", ""), "");
}

class RewardModelRuns : public ::testing::Test {
 protected:
  RewardModelRuns() : model_(write_tiny_model(temporary_ / "tiny")) {
    std::ofstream pairs(temporary_ / "pairs.jsonl"), points(temporary_ / "points.jsonl");
    for (int i = 0; i < 40; i++) {
      const std::string question = "What is " + std::to_string(i) + " + 1?", sum = std::to_string(i + 1);
      // the thoughts say nothing about which is better
      pairs << Json({{"prompt", question},
                     {"chosen", "<think>" + std::to_string(i % 3) + "</think> It is " + sum + "."},
                     {"rejected", "<think>" + std::to_string(i % 5) + "</think> no no no"}})
                   .dump()
            << "\n";
      points << Json({{"prompt", question},
                      {"completion", i % 2 == 0 ? "It is " + sum + "." : "no no no"},
                      {"label", i % 2 == 0}})
                    .dump()
             << "\n";
    }
  }

  KeyValues keys(const std::string& out) const {
    return {{"model", model_},
            {"out", (temporary_ / out).string()},
            {"data", (temporary_ / "pairs.jsonl").string()},
            {"held_out_fraction", "0.2"},
            {"per_device_train_batch_size", "8"},
            {"learning_rate", "1e-2"},
            {"max_steps", "12"},
            {"compute_dtype", "f32"},
            {"save_dtype", "f32"},
            {"micro_batch_tokens", "96"},
            {"threads", "1"},
            {"save_steps", "0"}};
  }
  bool run(const KeyValues& values, bool resume = false) {
    return run_reward_model(make_run<RewardModelRun>(values, resume));
  }
  std::string weights(const std::string& out) const {
    return bytes_of(temporary_ / out / "model" / "model.safetensors");
  }
  Json last(const std::string& out) const {
    Json found;
    for (const Json& line : json_lines(temporary_ / out / "metrics.jsonl"))
      if (line.contains("loss")) found = line;
    return found;
  }
  Json eval_of(const std::string& out) const { return Json::parse(bytes_of(temporary_ / out / "eval.json")); }

  std::vector<Verdict> judge(const std::string& out, const std::vector<std::string>& completions,
                             const std::string& rm_score = "raw") const {
    RewardOptions options;
    options.rm_score = rm_score;
    add_model_rewards(options, "f32");
    const auto reward = make_reward_for("x.jsonl", "rm:" + (temporary_ / out / "model").string() + "*2+none", options);
    std::vector<RewardInput> inputs;
    for (const std::string& c : completions)
      inputs.push_back({.prompt = "rendered", .completion = c, .prefilled = "", .row = {{"prompt", "What is 3 + 1?"}}});
    return reward->judge(inputs);
  }

  TempFolder temporary_;
  std::string model_;
};

TEST_F(RewardModelRuns, PairsAreLearnedAndTheRunGoesOnAfterAStop) {
  ASSERT_TRUE(run(keys("whole")));
  EXPECT_GE(last("whole")["accuracy"], 0.99);
  EXPECT_LT(last("whole")["loss"], 0.2);
  EXPECT_GT(last("whole")["margin"], 1);
  const Json eval = eval_of("whole");
  EXPECT_GE(eval["eval_accuracy"], 0.99);
  EXPECT_EQ(eval["eval_ci95"].size(), 2u);
  EXPECT_LT(eval["eval_ci95"][0], 0.95) << "a few rows are not certain";
  ASSERT_TRUE(run(keys("part") + KeyValues{{"max_steps", "5"}, {"lr_scheduler_type", "constant"}}));
  ASSERT_TRUE(run(keys("part") + KeyValues{{"lr_scheduler_type", "constant"}}, true));
  ASSERT_TRUE(run(keys("same") + KeyValues{{"lr_scheduler_type", "constant"}, {"threads", "2"}}));
  EXPECT_EQ(weights("part"), weights("same"));
  EXPECT_NE(weights("part"), weights("whole"));
  // trained further it starts from its own head
  ASSERT_TRUE(run(keys("more") + KeyValues{{"model", (temporary_ / "whole" / "model").string()}, {"max_steps", "1"}}));
  EXPECT_GE(last("more")["accuracy"], 0.99);
}

TEST_F(RewardModelRuns, AsARewardItScoresByItsScopeAndItsKey) {
  ASSERT_TRUE(run(keys("rm") + KeyValues{{"rm_scope", "summary"}}));
  const std::vector<std::string> texts = {"<think>a b c</think> It is 4.", "It is 4.", "<think>2</think> no no no"};
  const std::vector<Verdict> raw = judge("rm", texts), sigmoid = judge("rm", texts, "sigmoid");
  EXPECT_EQ(raw[0].score, raw[1].score) << "the thought does not count";
  EXPECT_GT(raw[0].score, raw[2].score + 1);
  for (size_t i = 0; i < texts.size(); i++) {
    EXPECT_EQ(raw[i].outcome, raw[i].score > 0 ? Outcome::correct : Outcome::wrong);
    EXPECT_NEAR(sigmoid[i].score, 2 / (1 + std::exp(-raw[i].score / 2)), 1e-6);
    EXPECT_EQ(judge("rm", {texts[i]})[0].score, raw[i].score) << "alone and in company";
  }
  std::string too_long;
  for (int i = 0; i < 300; i++) too_long += "no ";
  EXPECT_EQ(judge("rm", {too_long})[0].outcome, Outcome::failed);
  ASSERT_TRUE(run(keys("all")));
  EXPECT_NE(judge("all", texts)[0].score, judge("all", texts)[1].score) << "here it does";
  const auto plain = [&] {
    make_reward_for("x", "rm:" + model_, [] {
      RewardOptions o;
      add_model_rewards(o, "f32");
      return o;
    }());
  };
  EXPECT_NE(error_of(plain).find("is no reward model"), std::string::npos);
}

TEST_F(RewardModelRuns, LabelsAreLearnedAndGrpoUsesWhatCameOut) {
  ASSERT_TRUE(
      run(keys("points") + KeyValues{{"rm_loss", "pointwise"}, {"data", (temporary_ / "points.jsonl").string()}}));
  EXPECT_GE(last("points")["accuracy"], 0.99);
  EXPECT_GT(last("points")["margin"], 1);
  const std::string rm = "rm:" + (temporary_ / "points" / "model").string();
  ASSERT_TRUE(run_grpo(make_run<GrpoRun>({{"model", model_},
                                          {"out", (temporary_ / "grpo").string()},
                                          {"data", "tasks:arithmetic"},
                                          {"task_rows", "8"},
                                          {"reward", "domain(reasoning:" + rm + "*0.5, x:math)+length*0.1"},
                                          {"compute_dtype", "f32"},
                                          {"threads", "1"},
                                          {"num_generations", "4"},
                                          {"per_device_train_batch_size", "8"},
                                          {"max_completion_length", "8"},
                                          {"max_steps", "2"}})));
  const Json line = json_lines(temporary_ / "grpo" / "metrics.jsonl").back();
  EXPECT_EQ(line["verdicts/failed"], 0);
  EXPECT_TRUE(line.contains("rewards/domain/reasoning:" + rm + "/mean")) << line.dump();
  EXPECT_NEAR(line["reward"],
              line["rewards/domain/mean"].get<double>() + 0.1 * line["rewards/length/mean"].get<double>(), 1e-9);
}

TEST_F(RewardModelRuns, WhatDoesNotFitIsSaid) {
  const auto said = [&](const KeyValues& more) { return error_of([&] { run(keys("bad") + more); }); };
  EXPECT_NE(said({{"rm_loss", "pointwise"}}).find("preference pairs"), std::string::npos);
  EXPECT_NE(said({{"use_peft", "true"}}).find("use_peft"), std::string::npos);
  EXPECT_NE(said({{"max_length", "3"}}).find("max_length"), std::string::npos);
  EXPECT_NE(said({{"data", (temporary_ / "points.jsonl").string()}}).find("judged good or bad"), std::string::npos);
}

}  // namespace
}  // namespace r1
