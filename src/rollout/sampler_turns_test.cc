// Samples of several turns: what is put between the turns of a sample is context alone, and the log-probs of its own
// tokens are those of the forward pass that trains, to the last bit, in any batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/threads.h"
#include "model/tiny_models.h"
#include "rollout/sampler.h"

namespace r1 {
namespace {

constexpr int64_t kWordsAfterTurn[] = {1, 2, 70, 3};  // 70: across a page of keys, and more than some passes hold
constexpr int64_t kTurnTokens = 5;

Transformer turns_model(const Compute& compute) {
  ModelConfig c = tiny_config("qwen3");
  c.eos_ids = {3};
  return Transformer(c, compute, tiny_parameters(c, 0.25), ModelUse::inference);
}

std::vector<PromptRequest> turn_requests() {
  std::vector<PromptRequest> out;
  for (int64_t i = 0; i < 5; i++)
    out.push_back({tiny_ids(std::vector<int64_t>{1, 60, 64, 90, 3}[static_cast<size_t>(i)], 19, 5), 7 + i, 3});
  return out;
}

// Answers with words that depend on who asks and when; ends after the fourth turn.
class Speaker {
 public:
  std::vector<TurnReply> operator()(const std::vector<TurnEnd>& turns) {
    std::vector<TurnReply> out;
    for (const TurnEnd& t : turns) {
      const int turn = turns_[{t.request, t.sample}]++;
      if (turn == 4) {
        out.push_back({.done = true});
        continue;
      }
      out.push_back(
          {.done = false, .ids = tiny_ids(kWordsAfterTurn[turn], 19, static_cast<uint32_t>(t.sample + turn))});
    }
    return out;
  }

 private:
  std::map<std::pair<size_t, int>, int> turns_;
};

std::vector<Group> play(const Transformer& model, SamplerLimits limits, int64_t max_new_tokens = 150) {
  SamplingOptions options;
  options.max_new_tokens = max_new_tokens;
  options.max_turn_tokens = kTurnTokens;
  Speaker speaker;
  Sampler::Hooks hooks;
  hooks.turns = [&](const std::vector<TurnEnd>& turns) { return speaker(turns); };
  Sampler sampler(model, nullptr, limits);
  return sampler.generate(turn_requests(), options, hooks);
}

std::vector<float> scored_alone(const Transformer& model, const Group& group, const Completion& c) {
  std::vector<int32_t> ids(group.prompt_ids);
  ids.insert(ids.end(), c.ids.begin(), c.ids.end() - 1);
  TinyBatch tiny;
  tiny.add(ids);
  std::vector<int64_t> selected;
  for (size_t i = group.prompt_ids.size() - 1; i < ids.size(); i++) selected.push_back(static_cast<int64_t>(i));
  Workspace workspace(model.compute(), model.config(), tiny.batch.rows(), static_cast<int64_t>(selected.size()),
                      ModelUse::inference);
  KvCache cache(model.compute(), model.config(), tiny.num_pages);
  std::vector<HeadScore> scores(selected.size());
  model.head().score(model.forward(tiny.batch, selected, cache, workspace), c.ids.data(), scores.data());
  std::vector<float> out;
  for (const HeadScore& s : scores) out.push_back(s.logp);
  return out;
}

TEST(SamplerTurns, OwnTokensHaveTheLogProbsOfAWholePass) {
  for (const Compute& compute : all_computes()) {
    if (compute.isa != detect_isa()) continue;
    const Transformer model = turns_model(compute);
    int64_t words = 0, own = 0;
    for (const Group& g : play(model, {}))
      for (const Completion& c : g.completions) {
        ASSERT_EQ(c.learn.size(), c.ids.size());
        const std::vector<float> want = scored_alone(model, g, c);
        for (size_t i = 0; i < c.ids.size(); i++) {
          ASSERT_EQ(c.behavior_logp[i], c.learned(i) ? want[i] : 0) << "token " << i << " of " << c.ids.size();
          (c.learned(i) ? own : words)++;
        }
        ASSERT_EQ(c.num_learned(), std::count(c.learn.begin(), c.learn.end(), 1));
      }
    EXPECT_EQ(words, 15 * (1 + 2 + 70 + 3));
    EXPECT_GT(own, 15 * 5);
  }
}

TEST(SamplerTurns, TheSameInAnyBatchAndWithAnyThreads) {
  const int before = thread_count();
  const Transformer model = turns_model({detect_isa(), DType::f32, false});
  set_thread_count(1);
  const std::vector<Group> want = play(model, {.max_active = 1, .prefill_rows = 1024});
  for (int threads : {1, 3})
    for (SamplerLimits limits : {SamplerLimits{.max_active = 4, .prefill_rows = 4}, {.max_active = 64}}) {
      set_thread_count(threads);
      const std::vector<Group> got = play(model, limits);
      for (size_t g = 0; g < want.size(); g++)
        for (size_t s = 0; s < want[g].completions.size(); s++) {
          ASSERT_EQ(got[g].completions[s].ids, want[g].completions[s].ids);
          ASSERT_EQ(got[g].completions[s].behavior_logp, want[g].completions[s].behavior_logp);
          ASSERT_EQ(got[g].completions[s].learn, want[g].completions[s].learn);
        }
    }
  set_thread_count(before);
}

TEST(SamplerTurns, WhatDoesNotFitEndsTheSample) {
  const Transformer model = turns_model({detect_isa(), DType::f32, false});
  for (const Group& g : play(model, {}, 60))  // the third reply alone is longer
    for (const Completion& c : g.completions) {
      EXPECT_EQ(c.finish, FinishReason::length);
      EXPECT_LE(c.ids.size(), 60u);
      EXPECT_EQ(std::count(c.learn.begin(), c.learn.end(), 0), 3);
      EXPECT_TRUE(c.learned(c.ids.size() - 1));
    }
  for (const Group& g : play(model, {}, 1))  // no room for any reply
    for (const Completion& c : g.completions) {
      EXPECT_EQ(c.finish, FinishReason::length);
      EXPECT_TRUE(c.learn.empty());
    }
}

}  // namespace
}  // namespace r1
