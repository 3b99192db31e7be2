#include "train/rollout_steps.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/threads.h"
#include "text/steps.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

constexpr int64_t kLength = 48;

// Scores by the text alone.
class TextReward : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      Verdict v;
      const size_t kind = in.completion.size() % 3;
      v.outcome = kind == 0 ? Outcome::correct : kind == 1 ? Outcome::wrong : Outcome::no_answer;
      v.score = static_cast<double>(in.completion.size() % 5) / 4;
      if (failing && in.completion.size() % 7 == 0) v.outcome = Outcome::failed;
      EXPECT_EQ(in.num_tokens, static_cast<int64_t>(in.completion_ids.size()));
      EXPECT_LE(in.num_tokens, kLength);
      if (in.num_tokens < kLength) {
        EXPECT_FALSE(in.truncated);
      }
      out.push_back(v);
    }
    return out;
  }
  std::string name() const override { return "text"; }
  bool failing = false;
};

// Few of its tokens end a text, so that there are steps in it.
ModelConfig long_winded() {
  ModelFiles files = tiny_files();
  files.generation_config["eos_token_id"] = {327, 325, 100, 101, 102};
  return read_config(files.config, files.generation_config, "long-winded");
}

class SteppedRollouts : public ::testing::Test {
 protected:
  SteppedRollouts()
      : files_(tiny_files()),
        tokenizer_(open_tokenizer(files_)),
        prompts_(files_, tokenizer_, {}),
        model_(long_winded(), make_compute("f32"), random_parameters(ParameterLayout(long_winded()), long_winded(), 3),
               ModelUse::inference) {
    set_thread_count(1);
    options_.num_generations = 6;
    options_.per_device_train_batch_size = 24;
    options_.max_completion_length = kLength;
    options_.advantage = "step_mc";
    options_.scale_rewards = "none";
    options_.step_mc_rollouts = 3;
    options_.step_mc_max_steps = 2;
    rows_ = sum_questions(4);
  }

  Rollout make(int64_t max_active = 64) {
    Sampler sampler(model_, tokenizer_, {.max_active = max_active});
    const RolloutMaker maker(options_, sampler, prompts_, rows_, reward_);
    Rollout rollout = maker.make(3, [](int64_t) {});
    const RolloutSteps steps(options_, maker, tokenizer_.get(), reward_);
    EXPECT_TRUE(steps.set_advantages(rollout, [](int64_t, int64_t) {}));
    for (const char* clock : {"time/rollout", "time/reward", "time/step_values"}) rollout.metrics.erase(clock);
    return rollout;
  }

  std::vector<size_t> ends_of(const Completion& c) const {
    std::vector<size_t> out;
    for (const Step& s : token_steps(split_steps(c.text), c.ids, *tokenizer_)) out.push_back(s.to);
    return out;
  }

  ModelFiles files_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  PromptBuilder prompts_;
  Transformer model_;
  GrpoOptions options_;
  std::vector<DataRow> rows_;
  TextReward reward_;
};

TEST_F(SteppedRollouts, AreTheSameWhateverTheThreadsAndTheCompany) {
  const std::string one = make().to_json().dump();
  EXPECT_TRUE(make(3).to_json().dump() == one) << "continuations in other company";
  set_thread_count(2);
  EXPECT_TRUE(make(5).to_json().dump() == one) << "two threads";
  options_.seed = 43;
  EXPECT_FALSE(make().to_json().dump() == one) << "another seed";
}

// Each prefix continued here by itself, judged, and the differences taken.
TEST_F(SteppedRollouts, ValuesAreMeansOfContinuations) {
  const Rollout rollout = make();
  Sampler sampler(model_, tokenizer_, {.max_active = 2});
  int64_t number = static_cast<int64_t>(rollout.groups.size());
  int64_t tokens = 0, prefixes = 0;
  for (const JudgedGroup& g : rollout.groups) {
    if (!g.spread) continue;
    double sum = 0;
    for (const Verdict& v : g.verdicts) sum += v.score;
    for (size_t s = 0; s < g.verdicts.size(); s++) {
      const Completion& c = g.group.completions[s];
      const std::vector<size_t> ends = ends_of(c);
      double before = (sum - g.verdicts[s].score) / static_cast<double>(g.verdicts.size() - 1);
      size_t token = 0;
      for (const size_t k : chosen_prefixes(ends, 2, kLength)) {
        const auto length = static_cast<std::ptrdiff_t>(ends[k - 1]);
        std::vector<TokenId> ids = g.prompt.ids;
        ids.insert(ids.end(), c.ids.begin(), c.ids.begin() + length);
        SamplingOptions options = options_.sampling(3);
        options.max_new_tokens = kLength - length;
        double worth = 0;
        const std::vector<Group> continued = sampler.generate({{ids, number, 3}}, options);
        for (const Completion& more : continued[0].completions) {
          std::vector<TokenId> all(c.ids.begin(), c.ids.begin() + length);
          all.insert(all.end(), more.ids.begin(), more.ids.end());
          worth += static_cast<double>(tokenizer_->decode(all, true).size() % 5) / 4 / 3;
          tokens += static_cast<int64_t>(more.ids.size());
        }
        number++;
        prefixes++;
        for (; token < ends[k - 1]; token++) EXPECT_NEAR(c.token_advantages[token], worth - before, 1e-6);
        before = worth;
      }
      for (; token < c.ids.size(); token++) EXPECT_NEAR(c.token_advantages[token], g.verdicts[s].score - before, 1e-6);
    }
  }
  EXPECT_GT(prefixes, 5) << "random text has steps";
  EXPECT_EQ(rollout.metrics["step_mc/prefixes"], prefixes);
  EXPECT_EQ(rollout.metrics["step_mc/rollouts"], 3 * prefixes);
  EXPECT_EQ(rollout.metrics["step_mc/tokens"], tokens);
}

TEST_F(SteppedRollouts, ContinueOnlyWhatCanDiffer) {
  options_.step_mc_max_steps = 1;
  const Rollout fewer = make();
  EXPECT_GT(fewer.metrics["step_mc/prefixes"], 0);
  options_.step_mc_max_steps = 8;
  const Rollout more = make();
  EXPECT_GT(more.metrics["step_mc/prefixes"], fewer.metrics["step_mc/prefixes"]);
  // an answer whose checker failed teaches nothing
  reward_.failing = true;
  const Rollout some = make();
  EXPECT_LT(some.metrics["step_mc/prefixes"], more.metrics["step_mc/prefixes"]);
  int failed = 0;
  for (const JudgedGroup& g : some.groups)
    for (size_t s = 0; s < g.verdicts.size(); s++) {
      if (g.verdicts[s].outcome != Outcome::failed) continue;
      failed++;
      for (float a : g.group.completions[s].token_advantages) EXPECT_EQ(a, 0);
    }
  EXPECT_GT(failed, 0);
}

TEST_F(SteppedRollouts, OutcomesWithBlameFromTheErrorOnDifferOnlyBeforeIt) {
  options_.advantage = "outcome";
  options_.blame = "from_error";
  Sampler sampler(model_, tokenizer_, {.max_active = 8});
  const RolloutMaker maker(options_, sampler, prompts_, rows_, reward_);
  Rollout rollout = maker.make(1, [](int64_t) {});
  // what a wrong answer of a group might have said
  Group& group = rollout.groups[0].group;
  const std::string text = "Let me see. 2+2=4. 4+3=8. So 8.";
  const std::vector<TokenId> ids = tokenizer_->encode(text);
  group.completions[0] =
      Completion(ids, std::vector<float>(ids.size()), std::vector<float>(ids.size()), FinishReason::stop);
  group.completions[0].text = text;
  group.completions[1] = group.completions[0];
  group.advantages[0] = group.advantages[1] = -1.5;
  rollout.groups[0].verdicts[0].outcome = Outcome::wrong;
  rollout.groups[0].verdicts[1].outcome = Outcome::no_answer;
  // a token of somebody else among the model's
  const size_t middle = ids.size() / 2;
  std::vector<uint8_t> learn(ids.size(), 1);
  learn.insert(learn.begin() + static_cast<std::ptrdiff_t>(middle), 0);
  Completion told = group.completions[0];
  told.ids.insert(told.ids.begin() + static_cast<std::ptrdiff_t>(middle), ids[0]);
  told.behavior_logp.push_back(0);
  told.sampling_logp.push_back(0);
  told.set_learn(learn);
  group.completions[2] = told;
  group.advantages[2] = -1.5;
  rollout.groups[0].verdicts[2].outcome = Outcome::wrong;
  const RolloutSteps steps(options_, maker, tokenizer_.get(), reward_);
  EXPECT_TRUE(steps.set_advantages(rollout, [](int64_t, int64_t) {}));
  const size_t wrong = ends_of(group.completions[0])[1];
  ASSERT_GT(wrong, 5u);
  for (size_t t = 0; t < ids.size(); t++) {
    EXPECT_EQ(group.completions[0].token_advantages[t], t < wrong ? 0.0f : -1.5f) << t;
    EXPECT_EQ(group.completions[1].token_advantages[t], -1.5f) << "no answer: all of it";
  }
  const std::vector<float>& beside = group.completions[2].token_advantages;
  EXPECT_EQ(beside[middle], 0);
  for (size_t t = 0; t < ids.size(); t++) EXPECT_EQ(beside[t + (t >= middle)], t < wrong ? 0.0f : -1.5f) << t;
  EXPECT_EQ(rollout.metrics["steps/first_error"], 2.0);
  EXPECT_EQ(rollout.metrics["steps/first_error_share"], 0.5);
  for (const JudgedGroup& g : rollout.groups)
    for (size_t s = 0; s < g.verdicts.size(); s++) {
      if (g.verdicts[s].outcome != Outcome::correct) continue;
      for (float a : g.group.completions[s].token_advantages) EXPECT_EQ(a, g.group.advantages[s]);
    }
}

TEST_F(SteppedRollouts, NeedATokenizer) {
  Sampler sampler(model_, tokenizer_, {.max_active = 8});
  const RolloutMaker maker(options_, sampler, prompts_, rows_, reward_);
  EXPECT_NE(error_of([&] { RolloutSteps(options_, maker, nullptr, reward_); }).find("tokenizer"), std::string::npos);
}

}  // namespace
}  // namespace r1
