#include "train/rollouts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "base/threads.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

// Scores by length and text; `failing` makes some of them failed verdicts.
class MadeReward : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      Verdict v;
      EXPECT_TRUE(in.row.contains("answer"));
      EXPECT_FALSE(in.prompt.empty());
      v.outcome = in.num_tokens % 3 == 0 ? Outcome::correct : Outcome::no_answer;
      v.score = static_cast<double>(in.num_tokens) / 7;
      v.parts = {{"length", v.score}};
      if (all_fail || (failing && in.num_tokens % 4 == 0)) {
        v.outcome = Outcome::failed;
        v.reason = "the checker is down";
      }
      out.push_back(v);
    }
    return out;
  }
  std::string name() const override { return "made"; }
  bool failing = false, all_fail = false;
};

class Rollouts : public ::testing::Test {
 protected:
  Rollouts()
      : files_(tiny_files()),
        tokenizer_(open_tokenizer(files_)),
        prompts_(files_, tokenizer_, {}),
        model_(tiny_run_config(), make_compute("f32"),
               random_parameters(ParameterLayout(tiny_run_config()), tiny_run_config(), 3), ModelUse::inference) {
    set_thread_count(1);
    options_.num_generations = 4;
    options_.per_device_train_batch_size = 16;
    options_.max_completion_length = 12;
    rows_ = sum_questions(6);
  }

  Rollout make(int64_t number, int64_t max_active = 64) {
    Sampler sampler(model_, tokenizer_, {.max_active = max_active});
    return RolloutMaker(options_, sampler, prompts_, rows_, reward_).make(number, [](int64_t) {});
  }

  // Without what a clock says.
  static std::string text_of(Rollout rollout) {
    rollout.metrics.erase("time/rollout");
    rollout.metrics.erase("time/reward");
    return rollout.to_json().dump();
  }

  ModelFiles files_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  PromptBuilder prompts_;
  Transformer model_;
  GrpoOptions options_;
  std::vector<DataRow> rows_;
  MadeReward reward_;
};

TEST_F(Rollouts, TheSameWhateverTheThreadsAndTheCompany) {
  const std::string once = text_of(make(2));
  EXPECT_EQ(text_of(make(2)), once);
  EXPECT_EQ(text_of(make(2, 3)), once);
  set_thread_count(2);
  EXPECT_EQ(text_of(make(2, 5)), once);
  set_thread_count(1);
  EXPECT_NE(text_of(make(3)), once);
  options_.seed = 43;
  EXPECT_NE(text_of(make(2)), once);
}

TEST_F(Rollouts, JsonKeepsEveryBit) {
  reward_.failing = true;
  options_.max_failed_rewards = 0.9;
  const Rollout made = make(1);
  const Rollout back = Rollout::from_json(nlohmann::ordered_json::parse(made.to_json().dump()));
  EXPECT_EQ(back.number, 1);
  EXPECT_EQ(back.metrics, made.metrics);
  ASSERT_EQ(back.groups.size(), made.groups.size());
  std::set<Outcome> outcomes;
  for (size_t g = 0; g < made.groups.size(); g++) {
    const JudgedGroup &a = made.groups[g], &b = back.groups[g];
    EXPECT_EQ(a.prompt.text, b.prompt.text);
    EXPECT_EQ(a.prompt.ids, b.prompt.ids);
    EXPECT_EQ(a.group.prompt_ids, b.group.prompt_ids);
    EXPECT_EQ(a.group.advantages, b.group.advantages);
    EXPECT_EQ(a.spread, b.spread);
    ASSERT_EQ(b.verdicts.size(), a.verdicts.size());
    for (size_t s = 0; s < a.verdicts.size(); s++) {
      EXPECT_EQ(a.group.completions[s].ids, b.group.completions[s].ids);
      EXPECT_EQ(a.group.completions[s].behavior_logp, b.group.completions[s].behavior_logp);
      EXPECT_EQ(a.group.completions[s].sampling_logp, b.group.completions[s].sampling_logp);
      EXPECT_EQ(a.group.completions[s].finish, b.group.completions[s].finish);
      EXPECT_EQ(a.verdicts[s].outcome, b.verdicts[s].outcome);
      EXPECT_EQ(a.verdicts[s].score, b.verdicts[s].score);
      outcomes.insert(a.verdicts[s].outcome);
    }
  }
  EXPECT_EQ(outcomes.size(), 3u) << "the test saw correct, no_answer and failed";
}

TEST_F(Rollouts, RowsFollowOneAnotherThroughTheEpochs) {
  // four prompts a rollout of six rows: three rollouts are two epochs
  std::vector<std::string> asked;
  for (int64_t number = 0; number < 3; number++)
    for (const JudgedGroup& g : make(number).groups) asked.push_back(g.prompt.text);
  ASSERT_EQ(asked.size(), 12u);
  const std::set<std::string> first(asked.begin(), asked.begin() + 6), second(asked.begin() + 6, asked.end());
  EXPECT_EQ(first.size(), 6u);
  EXPECT_EQ(second.size(), 6u);
  options_.shuffle_dataset = false;
  EXPECT_EQ(make(1).groups[2].prompt.text, prompts_.build(rows_[0]).text);
}

TEST_F(Rollouts, AdvantagesComeFromTheGroupsScores) {
  const Rollout made = make(0);
  bool any = false;
  for (const JudgedGroup& g : made.groups) {
    const double sum = std::accumulate(g.group.advantages.begin(), g.group.advantages.end(), 0.0);
    EXPECT_NEAR(sum, 0, 1e-5);
    any = any || g.spread;
    for (size_t i = 0; i < 4; i++)
      for (size_t j = 0; j < 4; j++)
        if (g.verdicts[i].score > g.verdicts[j].score) {
          EXPECT_GT(g.group.advantages[i], g.group.advantages[j]);
        }
  }
  EXPECT_TRUE(any);
}

TEST_F(Rollouts, FailedVerdictsAreCountedAndNeverAZero) {
  reward_.failing = true;
  options_.max_failed_rewards = 0.5;
  EXPECT_NE(error_of([&] { make(1); }).find("max_failed_rewards = 0.5"), std::string::npos);
  options_.max_failed_rewards = 0.9;
  const Rollout made = make(1);
  double failed = 0, sum = 0, counted = 0;
  for (const JudgedGroup& g : made.groups)
    for (size_t s = 0; s < 4; s++) {
      if (g.verdicts[s].outcome == Outcome::failed) {
        EXPECT_EQ(g.group.advantages[s], 0);
        failed++;
      } else {
        sum += g.verdicts[s].score;
        counted++;
      }
    }
  ASSERT_GT(failed, 0);
  EXPECT_NEAR(made.metrics["verdicts/failed"].get<double>(), failed / 16, 1e-12);
  EXPECT_NEAR(made.metrics["reward"].get<double>(), sum / counted, 1e-12);
  EXPECT_NEAR(made.metrics["rewards/length/mean"].get<double>(), sum / counted, 1e-12);
  reward_.all_fail = true;
  EXPECT_NE(error_of([&] { make(1); }).find("the checker is down"), std::string::npos);
}

TEST_F(Rollouts, MetricsCountWhatWasSampled) {
  const Rollout made = make(0);
  double tokens = 0, cut = 0, longest = 0, flat = 0;
  for (const JudgedGroup& g : made.groups) {
    flat += !g.spread;
    for (const Completion& c : g.group.completions) {
      tokens += static_cast<double>(c.ids.size());
      cut += c.finish == FinishReason::length;
      longest = std::max(longest, static_cast<double>(c.ids.size()));
    }
  }
  const auto number = [&](const char* key) { return made.metrics.at(key).get<double>(); };
  EXPECT_NEAR(number("completions/mean_length"), tokens / 16, 1e-12);
  EXPECT_EQ(number("completions/max_length"), longest);
  EXPECT_NEAR(number("completions/clipped_ratio"), cut / 16, 1e-12);
  EXPECT_EQ(number("rollout/tokens"), tokens);
  EXPECT_EQ(number("groups/dropped"), flat);
}

}  // namespace
}  // namespace r1
