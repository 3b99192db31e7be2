// One update on made rollouts of a tiny model: what is trained on, with which denominators, and that sampler and
// trainer must agree to the last bit.
#include "train/grpo_update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/threads.h"
#include "model/tiny_models.h"

namespace r1 {
namespace {

constexpr int kSamples = 4;

class GrpoUpdate : public ::testing::Test {
 protected:
  GrpoUpdate()
      : compute_(make_compute("f32")),
        config_(tiny_config("qwen3")),
        model_(config_, compute_, tiny_parameters(config_, 0.25), ModelUse::training),
        policy_(model_) {
    set_thread_count(1);
  }

  // Three groups as sampled, with advantages +1, -1, 0.5, -0.5.
  Rollout sampled() {
    policy_.rest();
    Sampler sampler(model_, nullptr, {.max_active = 8});
    std::vector<PromptRequest> requests;
    for (int64_t i = 0; i < 3; i++)
      requests.push_back({tiny_ids(4 + 3 * i, 19, static_cast<uint32_t>(i)), i, kSamples});
    SamplingOptions options;
    options.max_new_tokens = 11;
    Rollout out;
    for (Group& g : sampler.generate(requests, options)) {
      g.set_advantages({1, -1, 0.5, -0.5});
      JudgedGroup judged;
      judged.prompt.ids = g.prompt_ids;
      judged.group = std::move(g);
      judged.verdicts.resize(kSamples);
      for (Verdict& v : judged.verdicts) v.outcome = Outcome::wrong;
      judged.spread = true;
      out.groups.push_back(std::move(judged));
    }
    return out;
  }

  struct Done {
    UpdateSums sums;
    std::vector<float> gradient;
  };
  Done update(const Rollout& rollout, UpdateInputs inputs) {
    const auto all = cut_into_minibatches(rollout, 1, 0)[0];
    inputs.rollout = &rollout;
    if (inputs.minibatch.empty()) inputs.minibatch = all;
    if (inputs.micro_batch_tokens == 0) inputs.micro_batch_tokens = 1000;
    inputs.max_completion_length = 11;
    std::fill_n(policy_.gradients(), model_.layout().total(), 0.0f);
    Done out;
    out.sums = grpo_forward_backward(policy_, inputs);
    out.gradient.assign(policy_.gradients(), policy_.gradients() + model_.layout().total());
    return out;
  }
  Done update(const Rollout& rollout) { return update(rollout, {}); }

  static double size_of(const std::vector<float>& x) {
    double sum = 0;
    for (float v : x) sum += double(v) * v;
    return std::sqrt(sum);
  }
  static double gap(const std::vector<float>& a, const std::vector<float>& b) {
    std::vector<float> d(a.size());
    for (size_t i = 0; i < a.size(); i++) d[i] = a[i] - b[i];
    return size_of(d) / size_of(b);
  }

  Compute compute_;
  ModelConfig config_;
  Transformer model_;
  Policy policy_;
};

TEST_F(GrpoUpdate, SamplerAndTrainerAgreeToTheLastBit) {
  const Done done = update(sampled(), {.same_policy = true});
  EXPECT_EQ(done.sums.logp_gap_max, 0);
  EXPECT_EQ(done.sums.loss.ratio_min, 1);
  EXPECT_EQ(done.sums.loss.ratio_max, 1);
  EXPECT_EQ(done.sums.sampler_ratio_min, 1);
  EXPECT_EQ(done.sums.sampler_ratio_max, 1);
  EXPECT_EQ(done.sums.sampler_ratio_sum, done.sums.tokens);
  EXPECT_EQ(done.sums.samples, 12);
  EXPECT_GT(size_of(done.gradient), 1e-3);
}

TEST_F(GrpoUpdate, OneUlpIsNeverTrainedThrough) {
  Rollout rollout = sampled();
  float& logp = rollout.groups[1].group.completions[2].behavior_logp[3];
  logp = std::nextafter(logp, 0.0f);
  try {
    update(rollout, {.same_policy = true});
    FAIL() << "a log-prob that differs by one ulp went through";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("rollout 1, prompt 1, sample 2, token 3"), std::string::npos) << e.what();
  }
  EXPECT_GT(update(rollout).sums.logp_gap_max, 0) << "later minibatches may differ, and it is measured";
  logp = NAN;
  EXPECT_THROW(update(rollout, {.same_policy = true}), Error);
}

TEST_F(GrpoUpdate, PackingDoesNotChangeTheStep) {
  const Rollout rollout = sampled();
  for (LossType type : {LossType::grpo, LossType::bnpo, LossType::dapo, LossType::dr_grpo}) {
    LossForm form;
    form.type = type;
    const Done whole = update(rollout, {.form = form, .entropy_coef = 0.01});
    const Done cut = update(rollout, {.form = form, .entropy_coef = 0.01, .micro_batch_tokens = 16});
    EXPECT_NEAR(whole.sums.loss.loss, cut.sums.loss.loss, 1e-12);
    EXPECT_NEAR(whole.sums.entropy_loss, cut.sums.entropy_loss, 1e-12);
    EXPECT_LT(gap(cut.gradient, whole.gradient), 1e-5);
  }
}

TEST_F(GrpoUpdate, GroupsWithoutSpreadAreLeftOutOfThePassesOnly) {
  Rollout rollout = sampled();
  const Done full = update(rollout);
  rollout.groups[2].spread = false;
  rollout.groups[2].group.set_advantages({0, 0, 0, 0});
  const Done done = update(rollout);
  EXPECT_EQ(done.sums.samples, 8);
  ASSERT_EQ(done.sums.work.size(), 2u) << "floors count what is trained on";
  EXPECT_EQ(done.sums.work[1].prompt, static_cast<int64_t>(rollout.groups[1].prompt.ids.size()));
  EXPECT_EQ(static_cast<double>(completion_tokens(done.sums.work)), done.sums.tokens);
  // the tokens of the flat group still count in the mean: with it gone, the rest would weigh more
  Rollout alone = rollout;
  alone.groups.pop_back();
  const Done without = update(alone);
  double tokens = 0, flat = 0;
  for (const JudgedGroup& g : rollout.groups)
    for (const Completion& c : g.group.completions) {
      tokens += static_cast<double>(c.ids.size());
      if (!g.spread) flat += static_cast<double>(c.ids.size());
    }
  EXPECT_NEAR(size_of(without.gradient) / size_of(done.gradient), tokens / (tokens - flat), 1e-4);
  EXPECT_EQ(full.sums.samples, 12);
}

TEST_F(GrpoUpdate, FailedSamplesLeaveTheDenominatorsToo) {
  Rollout rollout = sampled();
  JudgedGroup& g = rollout.groups[0];
  g.verdicts[1].outcome = Outcome::failed;
  g.group.advantages[1] = 0;
  const Done failed = update(rollout);
  EXPECT_EQ(failed.sums.samples, 11);
  Rollout without = rollout;
  JudgedGroup& h = without.groups[0];
  h.verdicts.erase(h.verdicts.begin() + 1);
  h.group.completions.erase(h.group.completions.begin() + 1);
  h.group.set_advantages({1, 0.5, -0.5});
  const Done gone = update(without);
  EXPECT_EQ(failed.gradient, gone.gradient) << "as if it had never been sampled";
  EXPECT_EQ(failed.sums.loss.loss, gone.sums.loss.loss);
}

TEST_F(GrpoUpdate, TruncatedSamplesTeachNothingWhenMasked) {
  Rollout rollout = sampled();
  for (JudgedGroup& g : rollout.groups)
    for (Completion& c : g.group.completions) c.finish = FinishReason::stop;
  const Done all = update(rollout, {.mask_truncated = true});
  rollout.groups[1].group.completions[0].finish = FinishReason::length;
  EXPECT_EQ(update(rollout).sums.samples, 12) << "only when asked";
  EXPECT_EQ(all.sums.samples, 12);
  LossForm form;
  form.type = LossType::grpo;
  const Done masked = update(rollout, {.form = form, .mask_truncated = true});
  EXPECT_EQ(masked.sums.samples, 11);
  const Done masked_dapo = update(rollout, {.mask_truncated = true});
  // its advantage gone and its sequence counted: the mean over sequences is TRL's
  rollout.groups[1].group.completions[0].finish = FinishReason::stop;
  rollout.groups[1].group.advantages[0] = 0;
  EXPECT_EQ(update(rollout, {.form = form}).gradient, masked.gradient);
  // its tokens are not: the mean over tokens has fewer, so the others weigh more
  double tokens = 0;
  for (const JudgedGroup& g : rollout.groups)
    for (const Completion& c : g.group.completions) tokens += static_cast<double>(c.ids.size());
  const double cut = static_cast<double>(rollout.groups[1].group.completions[0].ids.size());
  EXPECT_NEAR(size_of(masked_dapo.gradient) / size_of(update(rollout).gradient), tokens / (tokens - cut), 1e-4);
}

// Of the policy that sampled, gradients are known before the pass (Policy::learn): the same as behind it.
TEST_F(GrpoUpdate, WhatIsKnownBeforehandIsTheSame) {
  LossForm form;
  form.beta = 0.1;
  Transformer reference(config_, compute_, tiny_parameters(config_, 0.2), ModelUse::inference);
  for (const LossType type : {LossType::grpo, LossType::dr_grpo, LossType::cispo})
    for (const RatioLevel level : {RatioLevel::token, RatioLevel::sequence}) {
      form.type = type;
      form.level = level;
      const Rollout rollout = sampled();
      const Done known =
                     update(rollout, {.form = form, .entropy_coef = 0.2, .same_policy = true, .reference = &reference}),
                 after = update(rollout, {.form = form, .entropy_coef = 0.2, .reference = &reference});
      EXPECT_LT(gap(known.gradient, after.gradient), 1e-6);
      EXPECT_EQ(known.sums.loss.loss, after.sums.loss.loss);
      EXPECT_EQ(known.sums.loss.kl, after.sums.loss.kl);
      EXPECT_EQ(known.sums.entropy, after.sums.entropy);
      EXPECT_EQ(known.sums.entropy_loss, after.sums.entropy_loss);
      EXPECT_EQ(known.sums.tokens, after.sums.tokens);
      EXPECT_EQ(known.sums.mismatch.squares, after.sums.mismatch.squares);
    }
}

TEST_F(GrpoUpdate, ASampleWithoutAdvantageCostsNothingUnlessKlOrEntropyNeedIt) {
  Rollout rollout = sampled();
  rollout.groups[0].group.advantages[0] = 0;
  EXPECT_EQ(update(rollout).sums.samples, 11);
  EXPECT_EQ(update(rollout, {.entropy_coef = 0.1}).sums.samples, 12);
  LossForm form;
  form.beta = 0.1;
  Transformer reference(config_, compute_, tiny_parameters(config_, 0.25), ModelUse::inference);
  const Done done = update(rollout, {.form = form, .reference = &reference});
  EXPECT_EQ(done.sums.samples, 12);
  EXPECT_EQ(done.sums.loss.kl, 0) << "a reference that is the policy: KL 0 to the last bit";
}

// The loss by definition, from log-probs and entropies of the forward pass alone.
double loss_at(Policy& policy, const Rollout& rollout, const LossForm& form, double entropy_coef,
               const std::vector<std::vector<float>>& reference) {
  double loss = 0, tokens = 0;
  for (const JudgedGroup& g : rollout.groups)
    for (const Completion& c : g.group.completions) tokens += static_cast<double>(c.ids.size());
  size_t number = 0;
  for (const JudgedGroup& g : rollout.groups)
    for (size_t s = 0; s < g.verdicts.size(); s++, number++) {
      const Completion& c = g.group.completions[s];
      const std::vector<TrainGroup> one = {{g.prompt.ids, {{c.ids, {}, 0}}}};
      const auto scores = policy.forward(pack(one, 1000)[0]);
      for (size_t t = 0; t < c.ids.size(); t++) {
        const double ratio = std::exp(double(scores[t].logp) - c.behavior_logp[t]), a = g.group.advantages[s];
        const double delta = double(reference[number][t]) - scores[t].logp;
        loss += (-ratio * a + form.beta * (std::exp(delta) - delta - 1) - entropy_coef * scores[t].entropy) / tokens;
      }
    }
  return loss;
}

TEST_F(GrpoUpdate, AnAdvantageATokenCountsInsteadOfTheGroups) {
  Rollout plain = sampled(), by_token = sampled();
  for (JudgedGroup& g : by_token.groups) {
    g.spread = false;  // of the rewards, which do not matter here
    for (size_t s = 0; s < kSamples; s++) {
      Completion& c = g.group.completions[s];
      c.set_token_advantages(std::vector<float>(c.ids.size(), g.group.advantages[s]));
      g.group.advantages[s] = 0;
    }
  }
  EXPECT_EQ(update(by_token).gradient, update(plain).gradient);
  by_token = Rollout::from_json(nlohmann::ordered_json::parse(by_token.to_json().dump()));
  EXPECT_EQ(update(by_token).gradient, update(plain).gradient) << "kept with a rollout that is cut off";
  // the gradient is linear in it: one token's share
  std::vector<float>& one = by_token.groups[1].group.completions[2].token_advantages;
  one[1] += 3;
  std::vector<float> share = update(by_token).gradient;
  const std::vector<float> all = update(plain).gradient;
  for (size_t i = 0; i < share.size(); i++) share[i] -= all[i];
  for (JudgedGroup& g : by_token.groups)
    for (Completion& c : g.group.completions) std::fill(c.token_advantages.begin(), c.token_advantages.end(), 0.0f);
  EXPECT_EQ(update(by_token).sums.samples, 0) << "nothing to learn, nothing computed";
  one[1] = 3;
  const Done alone = update(by_token);
  EXPECT_EQ(alone.sums.samples, 1);
  EXPECT_LT(gap(share, alone.gradient), 1e-4);
}

TEST_F(GrpoUpdate, TheGradientIsTheLosssSlopeThroughTheModel) {
  const Rollout rollout = sampled();
  LossForm form;
  form.epsilon_low = form.epsilon_high = 10, form.beta = 0.3;
  Transformer other(config_, compute_, tiny_parameters(config_, 0.2), ModelUse::inference);
  Scorer scorer(other);
  std::vector<std::vector<float>> reference;
  for (const JudgedGroup& g : rollout.groups)
    for (const Completion& c : g.group.completions) {
      const std::vector<TrainGroup> one = {{g.prompt.ids, {{c.ids, {}, 0}}}};
      reference.emplace_back();
      for (const HeadScore& s : scorer.score(pack(one, 1000)[0])) reference.back().push_back(s.logp);
    }
  const Done done = update(rollout, {.form = form, .entropy_coef = 0.2, .reference = &other});
  EXPECT_NEAR(done.sums.loss.loss + done.sums.entropy_loss, loss_at(policy_, rollout, form, 0.2, reference), 1e-5);
  EXPECT_GT(done.sums.loss.kl, 0.1);
  // along the gradient itself: the slope is its squared length
  const double squared = size_of(done.gradient) * size_of(done.gradient), step = 2e-3 / std::sqrt(squared);
  const std::vector<float> start(model_.parameters(), model_.parameters() + model_.layout().total());
  const auto moved = [&](double by) {
    for (size_t i = 0; i < start.size(); i++)
      model_.parameters()[i] = static_cast<float>(start[i] + by * done.gradient[i]);
    model_.repack();
    return loss_at(policy_, rollout, form, 0.2, reference);
  };
  EXPECT_NEAR((moved(step) - moved(-step)) / (2 * step), squared, 5e-3 * squared);
}

TEST(Minibatches, CoverTheRolloutOnceAndKeepGroupsTogether) {
  Rollout rollout;
  rollout.number = 3;
  rollout.groups.resize(12);
  for (JudgedGroup& g : rollout.groups) g.verdicts.resize(4);
  const auto parts = cut_into_minibatches(rollout, 4, 9);
  ASSERT_EQ(parts.size(), 4u);
  std::set<std::pair<size_t, size_t>> seen;
  std::vector<size_t> order;
  for (const auto& part : parts) {
    EXPECT_EQ(part.size(), 12u);
    for (const SampleIndex& at : part) {
      EXPECT_TRUE(seen.insert({at.group, at.sample}).second);
      if (order.empty() || order.back() != at.group) order.push_back(at.group);
    }
  }
  EXPECT_EQ(seen.size(), 48u);
  EXPECT_EQ(order.size(), 12u) << "samples of a group are neighbours";
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end())) << "groups are shuffled";
  const auto order_of = [&](int64_t number, uint64_t seed) {
    Rollout other = rollout;
    other.number = number;
    std::vector<size_t> out;
    for (const auto& part : cut_into_minibatches(other, 4, seed)) out.push_back(part[0].group);
    return out;
  };
  EXPECT_EQ(order_of(3, 9), order_of(3, 9));
  EXPECT_NE(order_of(4, 9), order_of(3, 9));
  EXPECT_NE(order_of(3, 10), order_of(3, 9));
}

}  // namespace
}  // namespace r1
