// Whole runs of SFT and GRPO on a tiny model: the same bytes again, with other thread counts, and after a stop at any
// step; and the first ten losses as they have been.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <functional>

#include "base/interrupt.h"
#include "base/threads.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Resume : public ::testing::Test {
 protected:
  Resume() : model_(write_tiny_model(temporary_ / "tiny")) {}

  KeyValues common(const std::string& out) const {
    return {{"model", model_},
            {"out", (temporary_ / out).string()},
            {"data", "tasks:arithmetic"},
            {"task_rows", "24"},
            {"task_digits", "1"},
            {"compute_dtype", "f32"},
            {"save_dtype", "f32"},
            {"threads", "1"},
            {"micro_batch_tokens", "96"},
            {"learning_rate", "1e-3"},
            {"save_steps", "1"},
            {"save_total_limit", "100"},
            {"max_steps", "6"}};
  }
  KeyValues sft(const std::string& out) const {
    return common(out) + KeyValues{{"lr_scheduler_type", "linear"}, {"warmup_steps", "2"}};
  }
  // A rollout of 16 samples is two minibatches, seen twice: four steps. Rewards differ by length.
  KeyValues grpo(const std::string& out) const {
    return common(out) + KeyValues{{"num_generations", "4"},        {"per_device_train_batch_size", "8"},
                                   {"generation_batch_size", "16"}, {"num_iterations", "2"},
                                   {"max_completion_length", "12"}, {"reward", "length"},
                                   {"soft_overlong_cache", "12"},   {"lr_scheduler_type", "cosine"}};
  }

  bool run_sft_with(const KeyValues& values, bool resume = false) { return run_sft(make_run<SftRun>(values, resume)); }
  bool run_grpo_with(const KeyValues& values, bool resume = false) {
    return run_grpo(make_run<GrpoRun>(values, resume));
  }

  std::string weights(const std::string& out) const {
    return bytes_of(temporary_ / out / "model" / "model.safetensors");
  }

  // Lines without what a clock says.
  std::vector<Json> metrics(const std::string& out) const {
    std::vector<Json> lines = json_lines(temporary_ / out / "metrics.jsonl");
    for (Json& line : lines)
      for (const char* key :
           {"time/rollout", "time/reward", "time/update", "step_time", "tokens_per_second", "share/rollout",
            "share/update", "share/step", "memory/planned_gb", "memory/peak_gb", "time/step_values"})
        line.erase(key);
    return lines;
  }

  // What a kill behind checkpoint `step` leaves: that checkpoint, and logs that went on for a while (odd steps) or end
  // with the step's own line, its evaluation not made yet (even ones). The last line is torn.
  void stop_at(int64_t step, const std::string& whole, const std::string& cut) const {
    const std::string name = "step-" + std::to_string(step);
    fs::create_directories(temporary_ / cut / "checkpoints");
    fs::copy(temporary_ / whole / "checkpoints" / name, temporary_ / cut / "checkpoints" / name,
             fs::copy_options::recursive);
    for (const char* file : {"recipe.toml", "samples.jsonl"})
      fs::copy_file(temporary_ / whole / file, temporary_ / cut / file);
    std::string log;
    for (const Json& line : json_lines(temporary_ / whole / "metrics.jsonl")) {
      log += line.dump() + "\n";
      if (step % 2 == 0 && line["step"] == step) break;
    }
    write_bytes(temporary_ / cut / "metrics.jsonl", log + "{\"step\":9,\"lo");
  }

  // Every step but the last as the one that was stopped behind.
  void expect_resumable(const std::function<bool(const std::string&, bool)>& run) {
    ASSERT_TRUE(run("whole", false));
    for (int64_t step = 1; step < 6; step++) {
      const std::string cut = "cut" + std::to_string(step);
      stop_at(step, "whole", cut);
      ASSERT_TRUE(run(cut, true));
      EXPECT_EQ(weights(cut), weights("whole")) << "stopped behind step " << step;
      EXPECT_EQ(metrics(cut), metrics("whole")) << "stopped behind step " << step;
      EXPECT_EQ(bytes_of(temporary_ / cut / "samples.jsonl"), bytes_of(temporary_ / "whole" / "samples.jsonl"));
    }
  }

  // Runs in a child that gets `signal` once it has logged so many steps, and a little later.
  struct Moment {
    int steps, microseconds;
  };
  struct ChildExit {
    bool killed;
    int code;
  };
  static constexpr int kInterrupted = 5;
  ChildExit run_in_child(const std::function<bool()>& run, const std::string& out, int signal, Moment moment) const {
    const pid_t child = fork();
    if (child == 0) {
      catch_interrupts();
      try {
        _exit(run() ? 0 : kInterrupted);
      } catch (...) {
        _exit(4);
      }
    }
    int status = 0;
    const auto steps_logged = [&] {
      std::ifstream file(temporary_ / out / "metrics.jsonl");
      int lines = 0;
      for (std::string line; std::getline(file, line);) lines++;
      return lines;
    };
    bool over = false;
    while (!over && steps_logged() < moment.steps) {
      over = waitpid(child, &status, WNOHANG) == child;
      usleep(200);
    }
    if (!over) {
      usleep(static_cast<useconds_t>(moment.microseconds));
      kill(child, signal);
      waitpid(child, &status, 0);
    }
    return {WIFSIGNALED(status), WIFEXITED(status) ? WEXITSTATUS(status) : -1};
  }

  std::vector<double> losses(const std::string& out) const {
    std::vector<double> values;
    for (const Json& line : metrics(out))
      if (line.contains("loss")) values.push_back(line["loss"].get<double>());
    return values;
  }
  void expect_losses(const std::string& out, const std::vector<double>& kept) const {
    const std::vector<double> now = losses(out);
    ASSERT_EQ(now.size(), kept.size()) << ::testing::PrintToString(now);
    for (size_t i = 0; i < kept.size(); i++)
      EXPECT_NEAR(now[i], kept[i], 2e-5 + 1e-4 * std::abs(kept[i])) << "step " << i + 1;
  }

  TempFolder temporary_;
  std::string model_;
};

TEST_F(Resume, Sft) {
  expect_resumable([&](const std::string& out, bool resume) { return run_sft_with(sft(out), resume); });
}

TEST_F(Resume, EveryFormOfTheOptimiser) {
  for (const std::string optim : {"adamw_bf16", "adamw_8bit"}) {
    const KeyValues values = {{"optim", optim}, {"weight_decay", "0.1"}};
    const auto run = [&](const std::string& out, const KeyValues& more, bool resume) {
      return run_sft_with(sft(optim + out) + values + more, resume);
    };
    ASSERT_TRUE(run("whole", {}, false));
    stop_at(3, optim + "whole", optim + "cut");
    ASSERT_TRUE(run("cut", {}, true));
    ASSERT_TRUE(run("two", {{"threads", "2"}}, false));
    EXPECT_EQ(weights(optim + "cut"), weights(optim + "whole"));
    EXPECT_EQ(metrics(optim + "cut"), metrics(optim + "whole"));
    EXPECT_EQ(weights(optim + "two"), weights(optim + "whole"));
    ASSERT_TRUE(run_sft_with(sft(optim + "plain") + KeyValues{{"weight_decay", "0.1"}}));
    EXPECT_NE(weights(optim + "plain"), weights(optim + "whole"));
  }
}

TEST_F(Resume, GrpoInTheMiddleOfARollout) {
  expect_resumable([&](const std::string& out, bool resume) { return run_grpo_with(grpo(out), resume); });
}

TEST_F(Resume, GrpoWithAReferenceThatIsRenewedAndHeldOutAccuracy) {
  const KeyValues more = {{"beta", "0.1"},         {"sync_ref_model", "true"}, {"ref_model_sync_steps", "2"},
                          {"eval_steps", "2"},     {"eval_rows", "5"},         {"ref_model_mixup_alpha", "0.6"},
                          {"entropy_coef", "0.01"}};
  expect_resumable([&](const std::string& out, bool resume) { return run_grpo_with(grpo(out) + more, resume); });
  const auto lines = metrics("whole");
  int evaluations = 0;
  for (const Json& line : lines) evaluations += line.contains("eval_accuracy");
  EXPECT_EQ(evaluations, 4) << "before the first step and every two";
  EXPECT_GT(
      lines.back().contains("kl") ? lines.back()["kl"].get<double>() : lines[lines.size() - 2]["kl"].get<double>(), 0);
}

TEST_F(Resume, AdvantagesOfSteps) {
  const KeyValues longer = {{"max_completion_length", "24"}, {"soft_overlong_cache", "24"}};
  const KeyValues values = longer + KeyValues{{"advantage", "step_mc"},
                                              {"blame", "from_error"},
                                              {"step_mc_rollouts", "2"},
                                              {"step_mc_max_steps", "2"}};
  const auto run = [&](const std::string& out, const KeyValues& more, bool resume) {
    return run_grpo_with(grpo(out) + values + more, resume);
  };
  expect_resumable([&](const std::string& out, bool resume) { return run(out, {}, resume); });
  ASSERT_TRUE(run("two", {{"threads", "2"}, {"max_active", "3"}}, false));
  EXPECT_EQ(weights("two"), weights("whole")) << "threads and batch mix of the continuations";
  EXPECT_EQ(metrics("two"), metrics("whole"));
  for (const Json& line : metrics("whole")) EXPECT_GT(line["step_mc/tokens"], 0);
  for (const std::string advantage : {"process", "outcome"}) {
    ASSERT_TRUE(run(advantage, {{"advantage", advantage}, {"blame", "all"}}, false));
    EXPECT_NE(weights(advantage), weights("whole")) << advantage;
  }
}

// The run ends with the rollout in which the last of its tokens was sampled, those of step values among them.
TEST_F(Resume, ARunEndsWithItsTokens) {
  const KeyValues steps = {{"advantage", "step_mc"},        {"step_mc_rollouts", "2"},
                           {"max_completion_length", "24"}, {"soft_overlong_cache", "24"},
                           {"generation_batch_size", "8"},  {"num_iterations", "1"}};
  ASSERT_TRUE(run_grpo_with(grpo("free") + steps));
  const std::vector<Json> free = metrics("free");
  ASSERT_EQ(free.size(), 6u);
  double sampled = 0, valued = 0;
  for (const Json& line : free) {
    valued += line["step_mc/tokens"].get<double>();
    sampled += line["rollout/tokens"].get<double>() + line["step_mc/tokens"].get<double>();
    EXPECT_EQ(line["sampled_tokens"], sampled);
  }
  EXPECT_GT(valued, 0);
  const auto budget = free[2]["sampled_tokens"].get<int64_t>();
  ASSERT_TRUE(run_grpo_with(grpo("spent") + steps + KeyValues{{"max_sampled_tokens", std::to_string(budget)}}));
  ASSERT_EQ(metrics("spent").size(), 3u);
  EXPECT_EQ(metrics("spent").back()["sampled_tokens"], budget);
  EXPECT_FALSE(weights("spent").empty());
  const auto refused = [&](const KeyValues& more) { return error_of([&] { run_grpo_with(grpo("bad") + more); }); };
  EXPECT_NE(refused({{"advantage", "step_mc"}, {"data", "games:nim"}}).find("games or tools"), std::string::npos);
  EXPECT_NE(refused({{"advantage", "step_mc"}, {"tools", "python"}}).find("games or tools"), std::string::npos);
  EXPECT_NE(refused({{"step_mc_rollouts", "0"}}).find("step_mc_rollouts"), std::string::npos);
  EXPECT_NE(refused({{"max_sampled_tokens", "-1"}}).find("max_sampled_tokens"), std::string::npos);
  EXPECT_NE(refused({{"blame", "none"}}).find("from_error"), std::string::npos);
}

// One update a rollout, with importance weights; and two minibatches seen twice, without.
TEST_F(Resume, Int8Rollouts) {
  const KeyValues int8 = {{"rollout_dtype", "int8"}, {"int8_kl_limit", "1"}};
  const KeyValues once = {{"generation_batch_size", "8"}, {"num_iterations", "1"}};
  const auto run = [&](const std::string& out, const KeyValues& more) {
    return run_grpo_with(grpo(out) + int8 + more, out.starts_with("cut"));
  };
  for (const bool weighed : {true, false}) {
    const KeyValues more = weighed ? once : KeyValues();
    const std::string name = weighed ? "weighed" : "bypass";
    ASSERT_TRUE(run(name, more));
    for (int64_t step : {1, 2, 4, 5}) {
      const std::string cut = "cut" + name + std::to_string(step);
      stop_at(step, name, cut);
      ASSERT_TRUE(run(cut, more));
      EXPECT_EQ(weights(cut), weights(name)) << "stopped behind step " << step;
      EXPECT_EQ(metrics(cut), metrics(name)) << "stopped behind step " << step;
    }
    ASSERT_TRUE(run(name + "two", more + KeyValues{{"threads", "2"}, {"max_active", "3"}}));
    EXPECT_EQ(weights(name + "two"), weights(name)) << "threads and batch mix of the int8 sampler";
    for (const Json& line : metrics(name)) {
      EXPECT_EQ(line["sampling/int8"], 1);
      EXPECT_GT(line["sampling/sampling_logp_difference/max"], 0);
      EXPECT_GT(line["sampling/mismatch_kl"], 0);
      EXPECT_LT(line["sampling/effective_sample_size"], 1);
      EXPECT_GT(line["sampling/effective_sample_size"], 0.9);
      EXPECT_LT(line["sampling/importance_sampling_ratio/min"], line["sampling/importance_sampling_ratio/mean"]);
      EXPECT_LT(line["sampling/importance_sampling_ratio/mean"], line["sampling/importance_sampling_ratio/max"]);
      if (weighed) {
        EXPECT_EQ(line["clip_ratio/region_mean"], 0.0) << "the only update is on policy";
      }
    }
  }
}

// With a limit that any difference passes, the first rollout is the last one in eight bits.
TEST_F(Resume, Int8FallsBackForGood) {
  const KeyValues none = {{"rollout_dtype", "int8"}, {"int8_kl_limit", "0"}};
  ::testing::internal::CaptureStderr();
  expect_resumable([&](const std::string& out, bool resume) { return run_grpo_with(grpo(out) + none, resume); });
  const std::string said = ::testing::internal::GetCapturedStderr();
  const auto lines = metrics("whole");
  for (size_t i = 0; i < 4; i++) EXPECT_EQ(lines[i]["sampling/int8"], 1);
  for (size_t i = 4; i < 6; i++) {
    EXPECT_EQ(lines[i]["sampling/int8"], 0);
    EXPECT_EQ(lines[i]["sampling/sampling_logp_difference/max"], 0.0);
    EXPECT_EQ(lines[i]["sampling/mismatch_kl"], 0.0);
  }
  const std::string words = "above int8_kl_limit";
  size_t times = 0;
  for (size_t at = said.find(words); at != std::string::npos; at = said.find(words, at + 1)) times++;
  EXPECT_EQ(times, 1u) << "by the whole run; those that were stopped had left int8 before";
}

TEST_F(Resume, BeforeTheFirstCheckpointTheRunBeginsAgain) {
  ASSERT_TRUE(run_sft_with(sft("whole")));
  fs::create_directories(temporary_ / "cut");
  write_bytes(temporary_ / "cut" / "metrics.jsonl", "{\"step\":1,\"loss\":9}\n");
  ASSERT_TRUE(run_sft_with(sft("cut"), true));
  EXPECT_EQ(weights("cut"), weights("whole"));
  EXPECT_EQ(metrics("cut"), metrics("whole"));
}

TEST_F(Resume, KilledAtAnyTime) {
  ASSERT_TRUE(run_grpo_with(grpo("whole")));
  for (int i = 0; i < 10; i++) {
    const std::string out = "killed" + std::to_string(i);
    const ChildExit end =
        run_in_child([&] { return run_grpo_with(grpo(out)); }, out, SIGKILL, {i / 2, 7919 * i % 20000});
    ASSERT_TRUE(end.killed || end.code == 0);
    ASSERT_TRUE(run_grpo_with(grpo(out), true));
    EXPECT_EQ(weights(out), weights("whole")) << "killed after " << i / 2 << " steps";
    EXPECT_EQ(metrics(out), metrics("whole"));
  }
}

TEST_F(Resume, InterruptedRunsSaveWhereTheyAre) {
  const KeyValues no_checkpoints = {{"save_steps", "0"}};
  ASSERT_TRUE(run_grpo_with(grpo("whole") + no_checkpoints));
  int interrupted_runs = 0;
  for (int i = 0; i < 4; i++) {
    const std::string out = "interrupted" + std::to_string(i);
    const ChildExit end =
        run_in_child([&] { return run_grpo_with(grpo(out) + no_checkpoints); }, out, SIGINT, {1 + i, 500 * i});
    ASSERT_FALSE(end.killed);
    if (end.code == kInterrupted) {
      interrupted_runs++;
      EXPECT_FALSE(fs::is_empty(temporary_ / out / "checkpoints")) << "nothing is lost";
    }
    ASSERT_TRUE(run_grpo_with(grpo(out) + no_checkpoints, true));
    EXPECT_EQ(weights(out), weights("whole"));
    EXPECT_EQ(metrics(out), metrics("whole"));
  }
  EXPECT_GT(interrupted_runs, 0);
}

TEST_F(Resume, AFinishedRunCanBeMadeLonger) {
  const KeyValues constant = {{"lr_scheduler_type", "constant"}};
  ASSERT_TRUE(run_grpo_with(grpo("whole") + constant));
  ASSERT_TRUE(run_grpo_with(grpo("part") + constant + KeyValues{{"max_steps", "3"}}));
  EXPECT_NE(weights("part"), weights("whole"));
  ASSERT_TRUE(run_grpo_with(grpo("part") + constant, true));
  EXPECT_EQ(weights("part"), weights("whole"));
  ASSERT_TRUE(run_grpo_with(grpo("part") + constant, true)) << "nothing left to do";
  EXPECT_EQ(weights("part"), weights("whole"));
}

TEST_F(Resume, AnotherRecipeOrAPlainStartIsRefused) {
  ASSERT_TRUE(run_sft_with(sft("run")));
  const std::string before = weights("run");
  EXPECT_NE(
      error_of([&] { run_sft_with(sft("run") + KeyValues{{"seed", "7"}}, true); }).find("seed: the run has 42, now 7"),
      std::string::npos);
  EXPECT_NE(error_of([&] { run_sft_with(sft("run")); }).find("holds a run already"), std::string::npos);
  EXPECT_EQ(weights("run"), before);
}

TEST_F(Resume, TheSameBytesForTheSameSeedWhateverTheThreads) {
  const KeyValues two = {{"threads", "2"}}, other = {{"seed", "43"}}, narrow = {{"max_active", "3"}};
  ASSERT_TRUE(run_grpo_with(grpo("a")));
  ASSERT_TRUE(run_grpo_with(grpo("again")));
  ASSERT_TRUE(run_grpo_with(grpo("two") + two));
  ASSERT_TRUE(run_grpo_with(grpo("narrow") + narrow));
  ASSERT_TRUE(run_grpo_with(grpo("other") + other));
  EXPECT_EQ(weights("again"), weights("a"));
  EXPECT_EQ(weights("two"), weights("a"));
  EXPECT_EQ(weights("narrow"), weights("a")) << "batch mix of the sampler";
  EXPECT_NE(weights("other"), weights("a"));
  EXPECT_EQ(metrics("two"), metrics("a"));
  ASSERT_TRUE(run_sft_with(sft("sft")));
  ASSERT_TRUE(run_sft_with(sft("sft two") + two));
  ASSERT_TRUE(run_sft_with(sft("sft other") + other));
  EXPECT_EQ(weights("sft two"), weights("sft"));
  EXPECT_NE(weights("sft other"), weights("sft"));
}

TEST_F(Resume, RandomInitFollowsTheSeed) {
  const KeyValues random = {{"random_init", "true"}, {"max_steps", "1"}};
  ASSERT_TRUE(run_sft_with(sft("a") + random));
  ASSERT_TRUE(run_sft_with(sft("b") + random));
  ASSERT_TRUE(run_sft_with(sft("c") + random + KeyValues{{"seed", "1"}}));
  EXPECT_EQ(weights("a"), weights("b"));
  EXPECT_NE(weights("a"), weights("c"));
}

TEST_F(Resume, TheFirstUpdateOfEveryRolloutIsOnPolicyToTheLastBit) {
  ASSERT_TRUE(run_grpo_with(grpo("run")));
  const auto lines = metrics("run");
  ASSERT_EQ(lines.size(), 6u);
  for (const Json& line : lines) EXPECT_EQ(line["sampling/sampling_logp_difference/max"], 0.0);
  for (size_t step : {0, 4}) {
    EXPECT_EQ(lines[step]["policy_ratio/min"], 1.0);
    EXPECT_EQ(lines[step]["policy_ratio/max"], 1.0);
    EXPECT_EQ(lines[step]["clip_ratio/region_mean"], 0.0);
  }
  EXPECT_NE(lines[1]["policy_ratio/max"], 1.0) << "the policy has moved by then";
  for (const Json& line : lines)
    for (const char* key : {"min", "mean", "max"})
      EXPECT_EQ(line[std::string("sampling/importance_sampling_ratio/") + key], 1.0) << "sampler and trainer are one";
}

// Kept numbers, float32. A change here is a change of what is computed, and needs its reason.
TEST_F(Resume, TenLossesOfSft) {
  ASSERT_TRUE(run_sft_with(sft("run") + KeyValues{{"max_steps", "10"}}));
  EXPECT_NEAR(losses("run")[0], std::log(332.0), 0.05) << "a random model is indifferent between its 332 tokens";
  expect_losses("run", {5.80397, 5.78744, 5.77178, 5.74144, 5.71922, 5.68747, 5.66774, 5.66165, 5.63854, 5.63926});
}

TEST_F(Resume, TenLossesOfGrpo) {
  ASSERT_TRUE(run_grpo_with(grpo("run") + KeyValues{{"max_steps", "10"}, {"beta", "0.1"}}));
  expect_losses("run",
                {0.329964, 0.568993, 0.299958, 0.544568, 0.379098, 0.457793, 0.367761, 0.453701, 0.288849, 0.622113});
}

}  // namespace
}  // namespace r1
