// The rules on made-up metrics; whole runs that collapse, roll back, are killed and go on.
#include "train/collapse_guard.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/threads.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json good_step() {
  return {{"reward", 0.5},
          {"kl", 0.01},
          {"rollout/entropy", 1.0},
          {"completions/mean_length", 100.0},
          {"completions/repetition", 0.1},
          {"completions/clipped_ratio", 0.1},
          {"clip_ratio/region_mean", 0.01},
          {"grad_norm", 1.0}};
}

struct BadStep {
  const char *key, *rule;
  double value;
};
constexpr BadStep kBadSteps[] = {{"kl", "guard_kl", 11},
                                 {"rollout/entropy", "guard_entropy_low", 0.01},
                                 {"rollout/entropy", "guard_entropy_high", 6},
                                 {"completions/mean_length", "guard_length", 1001},
                                 {"completions/mean_length", "1/guard_length", 9},
                                 {"completions/repetition", "guard_repetition", 0.7},
                                 {"completions/clipped_ratio", "guard_truncated", 1},
                                 {"clip_ratio/region_mean", "guard_clip_ratio", 0.6},
                                 {"grad_norm", "guard_grad_norm", 101}};

// Steps until the guard says collapsed, at most 20; -1: never.
int steps_to_collapse(CollapseGuard& guard, const BadStep& bad, double reward) {
  for (int i = 1; i <= 20; i++) {
    Json m = good_step();
    m[bad.key] = bad.value;
    m["reward"] = reward;
    guard.observe(m);
    if (guard.collapsed()) return i;
  }
  return -1;
}

TEST(CollapseRules, EachEndsARunWhoseRewardIsDown) {
  const GuardOptions options;
  for (const BadStep& bad : kBadSteps) {
    CollapseGuard guard(options);
    for (int i = 0; i < 12; i++) {
      Json m = good_step();
      guard.observe(m);
      EXPECT_EQ(m["guard/strikes"], 0);
    }
    EXPECT_EQ(steps_to_collapse(guard, bad, 0.2), options.patience) << bad.rule;
    EXPECT_NE(guard.why().find(bad.rule), std::string::npos) << guard.why();
    EXPECT_FALSE(guard.steady());
  }
}

TEST(CollapseRules, NoneWhereTheRewardRoseOrTheRuleIsOff) {
  for (const BadStep& bad : kBadSteps) {
    const GuardOptions on;
    CollapseGuard winning(on);
    for (int i = 0; i < 12; i++) {
      Json m = good_step();
      winning.observe(m);
    }
    EXPECT_EQ(steps_to_collapse(winning, bad, 0.9), -1) << bad.rule;
    EXPECT_TRUE(winning.steady()) << "its checkpoints are good ones";
    GuardOptions off;
    off.kl = off.entropy_low = off.entropy_high = off.length = off.repetition = off.truncated = off.clip_ratio =
        off.grad_norm = 0;
    CollapseGuard unruled(off);
    for (int i = 0; i < 12; i++) {
      Json m = good_step();
      unruled.observe(m);
    }
    EXPECT_EQ(steps_to_collapse(unruled, bad, 0.2), -1) << bad.rule;
    GuardOptions none;
    none.rollbacks = 0;
    CollapseGuard absent(none);
    Json m = good_step();
    absent.observe(m);
    EXPECT_FALSE(m.contains("guard/rollbacks"));
    EXPECT_EQ(steps_to_collapse(absent, bad, 0.2), -1) << bad.rule;
  }
}

TEST(CollapseRules, OneGoodStepInBetweenStartsTheCountAgain) {
  const GuardOptions options;
  CollapseGuard guard(options);
  for (int i = 0; i < 30; i++) {
    Json m = good_step();
    m["reward"] = i < 10 ? 0.5 : 0.1;
    if (i >= 10 && i % 3 != 0) m["rollout/entropy"] = 9.0;
    guard.observe(m);
    EXPECT_FALSE(guard.collapsed()) << i;
  }
}

TEST(CollapseRules, LosingHalfOfWhatWasWonIsALossAboveTheFirstRewardToo) {
  const GuardOptions options;
  for (const double now : {0.55, 0.75}) {
    CollapseGuard guard(options);
    for (int i = 0; i < 40; i++) {
      Json m = good_step();
      m["reward"] = i < 10 ? 0.5 : 0.9;
      guard.observe(m);
    }
    EXPECT_EQ(steps_to_collapse(guard, {"rollout/entropy", "", 9}, now), now == 0.55 ? 4 : -1)
        << "half way is 0.7, where the mean of three steps is with the second one";
  }
}

TEST(CollapseRules, StateIsWhatItWas) {
  const GuardOptions options;
  CollapseGuard guard(options);
  for (int i = 0; i < 14; i++) {
    Json m = good_step();
    if (i > 11) m["rollout/entropy"] = 9.0, m["reward"] = 0.0;
    guard.observe(m);
  }
  CollapseGuard other(options);
  other.restore(Json::parse(guard.state().dump()));
  EXPECT_EQ(other.state(), guard.state());
  Json bad = good_step();
  bad["rollout/entropy"] = 9.0, bad["reward"] = 0.0;
  Json same = bad;
  guard.observe(bad);
  other.observe(same);
  EXPECT_TRUE(other.collapsed());
  EXPECT_EQ(same, bad);
  EXPECT_EQ(other.rate_factor(), 1);
  other.roll_back(Json(), 15, 0);
  EXPECT_EQ(other.rate_factor(), 0.5);
  EXPECT_FALSE(other.collapsed());
  EXPECT_FALSE(CollapseGuard::is_good(guard.state()));
  EXPECT_TRUE(CollapseGuard::is_good(other.state()));
}

// A reward for long answers under a rate that wrecks the model at once: entropy or length leave every bound.
class CollapseRuns : public ::testing::Test {
 protected:
  CollapseRuns() : model_(write_tiny_model(temporary_ / "tiny")) {}
  KeyValues run(const std::string& out) const {
    return {{"model", model_},
            {"out", (temporary_ / out).string()},
            {"data", "tasks:arithmetic"},
            {"task_rows", "24"},
            {"task_digits", "1"},
            {"compute_dtype", "f32"},
            {"save_dtype", "f32"},
            {"threads", "1"},
            {"num_generations", "4"},
            {"per_device_train_batch_size", "8"},
            {"max_completion_length", "12"},
            {"reward", "length"},
            {"soft_overlong_cache", "12"},
            {"learning_rate", "10"},
            {"warmup_steps", "6"},
            {"save_steps", "2"},
            {"save_total_limit", "9"},
            {"max_steps", "14"},
            {"guard_baseline_steps", "3"},
            {"guard_patience", "2"},
            {"guard_entropy_low", "0.7"},
            {"guard_rollbacks", "8"}};
  }
  std::string weights(const std::string& out) const {
    return bytes_of(temporary_ / out / "model" / "model.safetensors");
  }
  std::vector<Json> metrics(const std::string& out) const {
    std::vector<Json> lines = json_lines(temporary_ / out / "metrics.jsonl");
    for (Json& line : lines)
      for (const char* key : {"time/rollout", "time/reward", "time/update", "step_time", "share/rollout",
                              "share/update", "share/step", "memory/planned_gb", "memory/peak_gb"})
        line.erase(key);
    return lines;
  }
  bool go(const std::string& out, const KeyValues& more = {}, bool resume = false) {
    return run_grpo(make_run<GrpoRun>(run(out) + more, resume));
  }

  TempFolder temporary_;
  std::string model_;
};

TEST_F(CollapseRuns, RollsBackAndGoesOn) {
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(go("run"));
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("collapse guard: "), std::string::npos) << said;
  const std::vector<Json> rollbacks = json_lines(temporary_ / "run" / "rollbacks.jsonl");
  ASSERT_GE(rollbacks.size(), 1u);
  for (size_t i = 0; i < rollbacks.size(); i++) {
    EXPECT_EQ(rollbacks[i]["rollback"], i + 1);
    EXPECT_LT(rollbacks[i]["back_to"], rollbacks[i]["collapsed_at"]);
    EXPECT_EQ(rollbacks[i]["learning_rate_factor"], std::ldexp(1.0, -static_cast<int>(i + 1)));
  }
  const std::vector<Json> lines = metrics("run");
  ASSERT_EQ(lines.size(), 14u) << "a step a line, those that were taken back are gone";
  for (size_t i = 0; i < lines.size(); i++) EXPECT_EQ(lines[i]["step"], i + 1);
  EXPECT_EQ(lines.back()["guard/rollbacks"], rollbacks.size());
  EXPECT_NEAR(lines.back()["learning_rate"].get<double>(), 10 * std::ldexp(1.0, -static_cast<int>(rollbacks.size())),
              1e-12);
}

TEST_F(CollapseRuns, StopsAfterSoManyRollbacks) {
  const std::string error = error_of([&] { go("run", {{"guard_rollbacks", "1"}}); });
  EXPECT_NE(error.find("collapsed again after 1 rollbacks"), std::string::npos) << error;
  EXPECT_FALSE(fs::exists(temporary_ / "run" / "model"));
  EXPECT_TRUE(go("off", {{"guard_rollbacks", "0"}})) << "without the guard it goes on";
}

// The same bytes, wherever it is stopped: what was taken back is done, and taken back, again.
TEST_F(CollapseRuns, ResumesAroundARollback) {
  ASSERT_TRUE(go("whole"));
  const std::vector<Json> rollbacks = json_lines(temporary_ / "whole" / "rollbacks.jsonl");
  ASSERT_GE(rollbacks.size(), 1u);
  std::vector<Json> reference = metrics("whole");
  for (const int64_t stop : {1, 3, 5, 8, 11}) {
    const std::string cut = "cut" + std::to_string(stop);
    ASSERT_TRUE(go(cut, {{"max_steps", std::to_string(stop)}}));
    ASSERT_TRUE(go(cut, {}, true));
    EXPECT_EQ(weights(cut), weights("whole")) << stop;
    EXPECT_EQ(metrics(cut), reference) << stop;
    EXPECT_EQ(bytes_of(temporary_ / cut / "rollbacks.jsonl"), bytes_of(temporary_ / "whole" / "rollbacks.jsonl"));
    EXPECT_EQ(bytes_of(temporary_ / cut / "samples.jsonl"), bytes_of(temporary_ / "whole" / "samples.jsonl"));
  }
}

TEST_F(CollapseRuns, WithoutACheckpointItBeginsAgain) {
  ASSERT_TRUE(go("run", {{"save_steps", "0"}}));
  const std::vector<Json> rollbacks = json_lines(temporary_ / "run" / "rollbacks.jsonl");
  ASSERT_GE(rollbacks.size(), 1u);
  for (const Json& line : rollbacks) EXPECT_EQ(line["back_to"], 0);
  EXPECT_EQ(metrics("run").size(), 14u);
  ASSERT_TRUE(go("lora", {{"save_steps", "0"}, {"use_peft", "true"}, {"lora_r", "4"}, {"max_steps", "10"}}));
  ASSERT_TRUE(go("reference", {{"beta", "0.1"}, {"sync_ref_model", "true"}, {"ref_model_sync_steps", "2"}}));
}

}  // namespace
}  // namespace r1
