// Where samples end, what is refused, what is given back, and what was planned.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "model/tiny_models.h"
#include "rollout/sampler.h"

namespace r1 {
namespace {

class LetterTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view, EncodeOptions) const override { return {}; }
  std::string decode(const std::vector<TokenId>& ids, bool) const override {
    std::string text;
    for (TokenId id : ids) text += token_bytes(id);
    return text;
  }
  std::string token_bytes(TokenId id) const override { return std::string(1, static_cast<char>('a' + id)); }
  bool is_special(TokenId) const override { return false; }
  TokenId find(std::string_view) const override { return -1; }
  int vocabulary_size() const override { return 19; }
};

class SamplerEnds : public ::testing::Test {
 protected:
  Transformer make(std::vector<int32_t> eos) const {
    ModelConfig c = tiny_config("llama");
    c.eos_ids = std::move(eos);
    return Transformer(c, {detect_isa(), DType::f32, false}, tiny_parameters(c, 0.25), ModelUse::inference);
  }
  static SamplingOptions options(int64_t max_new_tokens) {
    SamplingOptions o;
    o.max_new_tokens = max_new_tokens;
    return o;
  }
  std::shared_ptr<const Tokenizer> letters_ = std::make_shared<LetterTokenizer>();
  std::vector<PromptRequest> requests_ = {{tiny_ids(5, 19, 1), 0, 6}, {tiny_ids(70, 19, 2), 1, 5}};
};

TEST_F(SamplerEnds, AnEndTokenEndsAndStaysInTheIds) {
  const Transformer plain = make({}), ends = make({4, 7});
  Sampler long_ones(plain, letters_, {}), short_ones(ends, letters_, {});
  const auto all = long_ones.generate(requests_, options(60)), cut = short_ones.generate(requests_, options(60));
  SamplingOptions with_ids = options(60);
  with_ids.stop_ids = {4, 7};
  const auto same = long_ones.generate(requests_, with_ids);
  int stopped = 0;
  for (size_t g = 0; g < all.size(); g++)
    for (size_t s = 0; s < all[g].completions.size(); s++) {
      std::vector<TokenId> want = all[g].completions[s].ids;
      const auto end = std::find_if(want.begin(), want.end(), [](TokenId id) { return id == 4 || id == 7; });
      const bool stops = end != want.end();
      if (stops) want.erase(end + 1, want.end());
      for (const Completion& c : {cut[g].completions[s], same[g].completions[s]}) {
        EXPECT_EQ(c.ids, want);
        EXPECT_EQ(c.finish, stops ? FinishReason::stop : FinishReason::length);
        EXPECT_EQ(c.text, letters_->decode(want, true));
      }
      stopped += stops;
    }
  EXPECT_GT(stopped, 5);
  SamplingOptions forced = options(60);
  forced.ignore_eos = true;
  const auto ignored = short_ones.generate(requests_, forced);
  for (size_t g = 0; g < all.size(); g++)
    for (size_t s = 0; s < all[g].completions.size(); s++)
      EXPECT_EQ(ignored[g].completions[s].ids, all[g].completions[s].ids);
}

TEST_F(SamplerEnds, AStopTextEndsAcrossTokens) {
  const Transformer model = make({});
  Sampler sampler(model, letters_, {});
  const auto all = sampler.generate(requests_, options(60));
  const std::string stop = all[0].completions[0].text.substr(10, 2);
  SamplingOptions o = options(60);
  o.stop_texts = {"zz", stop};
  const auto cut = sampler.generate(requests_, o);
  for (size_t g = 0; g < all.size(); g++)
    for (size_t s = 0; s < all[g].completions.size(); s++) {
      const std::string text = all[g].completions[s].text;
      const size_t at = text.find(stop);
      EXPECT_EQ(cut[g].completions[s].text, at == std::string::npos ? text : text.substr(0, at + 2));
      EXPECT_EQ(cut[g].completions[s].finish, at == std::string::npos ? FinishReason::length : FinishReason::stop);
    }
  EXPECT_EQ(cut[0].completions[0].finish, FinishReason::stop);
}

TEST_F(SamplerEnds, TheContextIsTheLimit) {
  const Transformer model = make({});  // 400 positions
  Sampler sampler(model, nullptr, {.max_active = 4, .prefill_rows = 64});
  const auto groups = sampler.generate({{tiny_ids(390, 19, 1), 0, 2}, {tiny_ids(399, 19, 2), 1, 1}}, options(60));
  EXPECT_EQ(groups[0].completions[1].ids.size(), 10u);
  EXPECT_EQ(groups[1].completions[0].ids.size(), 1u);
  EXPECT_EQ(groups[1].completions[0].finish, FinishReason::length);
}

TEST_F(SamplerEnds, WhatIsNotPossibleIsRefusedByName) {
  const Transformer model = make({});
  Sampler sampler(model, letters_, {});
  const auto error_of = [&](const PromptRequest& request, const SamplingOptions& o) -> std::string {
    try {
      sampler.generate({request}, o);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const PromptRequest good{{1, 2}, 0, 1};
  EXPECT_EQ(error_of(good, options(1)), "");
  EXPECT_NE(error_of({{}, 0, 1}, options(1)).find("prompt 0 is empty"), std::string::npos);
  EXPECT_NE(error_of({{1, 19}, 0, 1}, options(1)).find("token id 19 is outside the vocabulary of 19"),
            std::string::npos);
  EXPECT_NE(error_of({std::vector<TokenId>(400, 1), 0, 1}, options(1)).find("400 tokens; the model's context is 400"),
            std::string::npos);
  const auto with = [&](auto change) {
    SamplingOptions o = options(4);
    change(o);
    return error_of(good, o);
  };
  EXPECT_NE(with([](auto& o) { o.temperature = -1; }).find("temperature=-1"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.temperature = NAN; }).find("temperature=nan"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.top_k = -2; }).find("top_k=-2"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.top_p = 0; }).find("top_p=0"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.min_p = 1.5f; }).find("min_p=1.5"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.max_new_tokens = 0; }).find("0 new tokens"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.stop_texts = {""}; }).find("a stop text is empty"), std::string::npos);
}

TEST_F(SamplerEnds, HooksSeeEveryTokenAndEveryEnd) {
  const Transformer model = make({4});
  Sampler sampler(model, letters_, {.max_active = 3, .prefill_rows = 16});
  std::vector<std::vector<std::vector<TokenId>>> streamed = {std::vector<std::vector<TokenId>>(6),
                                                             std::vector<std::vector<TokenId>>(5)};
  int finished = 0;
  Sampler::Hooks hooks;
  hooks.token = [&](size_t request, int sample, TokenId id) {
    streamed[request][static_cast<size_t>(sample)].push_back(id);
  };
  hooks.finished = [&](size_t request, int sample, const Completion& c) {
    EXPECT_EQ(c.ids, streamed[request][static_cast<size_t>(sample)]);
    finished++;
  };
  const auto groups = sampler.generate(requests_, options(30), hooks);
  EXPECT_EQ(finished, 11);
  for (size_t g = 0; g < 2; g++)
    for (size_t s = 0; s < groups[g].completions.size(); s++) EXPECT_EQ(groups[g].completions[s].ids, streamed[g][s]);
}

// A run that is cancelled, or left by an exception, gives its pages back: the next one needs all of them.
TEST_F(SamplerEnds, ACancelledRunGivesEverythingBack) {
  const Transformer model = make({4});
  Sampler fresh(model, letters_, {.max_active = 3, .prefill_rows = 16}),
      used(model, letters_, {.max_active = 3, .prefill_rows = 16});
  const auto want = fresh.generate(requests_, options(50));
  for (int after = 0; after < 40; after += 7) {
    int asked = 0, seen = 0;
    Sampler::Hooks cancelled, thrown;
    cancelled.cancelled = [&] { return asked++ == after; };
    const auto partial = used.generate(requests_, options(50), cancelled);
    for (size_t g = 0; g < 2; g++)  // what is finished is whole, the rest is empty
      for (size_t s = 0; s < partial[g].completions.size(); s++)
        EXPECT_TRUE(partial[g].completions[s].ids.empty() ||
                    partial[g].completions[s].ids == want[g].completions[s].ids);
    thrown.token = [&](size_t, int, TokenId) {
      if (seen++ == after) throw std::runtime_error("hook");
    };
    EXPECT_THROW(used.generate(requests_, options(50), thrown), std::runtime_error);
    const auto again = used.generate(requests_, options(50));
    for (size_t g = 0; g < 2; g++)
      for (size_t s = 0; s < want[g].completions.size(); s++)
        ASSERT_EQ(again[g].completions[s].ids, want[g].completions[s].ids) << after;
  }
}

TEST_F(SamplerEnds, GroupsLargerThanTheBatchAndPromptsLargerThanAPass) {
  const Transformer model = make({4});
  std::vector<PromptRequest> requests;
  for (int64_t i = 0; i < 7; i++)
    requests.push_back({tiny_ids(1 + 53 * i, 19, static_cast<uint32_t>(i)), i, static_cast<int>(1 + 5 * (i % 3))});
  Sampler small(model, letters_, {.max_active = 2, .prefill_rows = 9}), large(model, letters_, {});
  const auto a = small.generate(requests, options(75)), b = large.generate(requests, options(75));
  for (size_t g = 0; g < a.size(); g++)
    for (size_t s = 0; s < a[g].completions.size(); s++) {
      ASSERT_FALSE(a[g].completions[s].ids.empty());
      ASSERT_EQ(a[g].completions[s].ids, b[g].completions[s].ids) << g << " " << s;
    }
}

TEST_F(SamplerEnds, ThePlanCoversWhatIsAllocated) {
  const Transformer model = make({});
  for (int64_t prompt : {1, 63, 64, 65, 200})
    for (int64_t fresh : {1, 2, 63, 64, 65, 130}) {
      Sampler sampler(model, nullptr, {.max_active = 4, .prefill_rows = 32});
      sampler.generate({{tiny_ids(prompt, 19, 1), 0, 3}, {tiny_ids(prompt, 19, 2), 1, 9}}, options(fresh));
      EXPECT_LE(sampler.allocated_bytes(), sampler.planned_bytes(prompt, fresh)) << prompt << " " << fresh;
      EXPECT_GE(2 * sampler.allocated_bytes(), sampler.planned_bytes(prompt, fresh)) << prompt << " " << fresh;
    }
}

}  // namespace
}  // namespace r1
