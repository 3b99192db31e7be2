// The sampler on tiny random models: the same text alone, in any batch, with any threads; and the log-probs it records
// are those of the forward pass that trains.
#include "rollout/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "kernels/head_ref.h"
#include "model/tiny_models.h"

namespace r1 {
namespace {

Transformer tiny_model(const char* family, const Compute& compute, std::vector<int32_t> eos = {}) {
  ModelConfig c = tiny_config(family);
  c.eos_ids = std::move(eos);
  return Transformer(c, compute, tiny_parameters(c, 0.25), ModelUse::inference);
}

// Prompts around the page size, groups of several sizes.
std::vector<PromptRequest> mixed_requests() {
  std::vector<PromptRequest> out;
  const int64_t lengths[] = {1, 5, 63, 64, 65, 130, 7, 2};
  const int samples[] = {4, 1, 3, 2, 5, 2, 7, 1};
  for (size_t i = 0; i < 8; i++)
    out.push_back({tiny_ids(lengths[i], 19, static_cast<uint32_t>(i)), static_cast<int64_t>(10 + i), samples[i]});
  return out;
}

SamplingOptions options_for(int64_t max_new_tokens) {
  SamplingOptions o;
  o.max_new_tokens = max_new_tokens;
  return o;
}

void expect_same(const std::vector<Group>& a, const std::vector<Group>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t g = 0; g < a.size(); g++) {
    ASSERT_EQ(a[g].completions.size(), b[g].completions.size());
    for (size_t s = 0; s < a[g].completions.size(); s++) {
      const Completion &x = a[g].completions[s], &y = b[g].completions[s];
      ASSERT_EQ(x.ids, y.ids) << what << " group " << g << " sample " << s;
      ASSERT_EQ(x.behavior_logp, y.behavior_logp) << what;
      ASSERT_EQ(x.sampling_logp, y.sampling_logp) << what;
      ASSERT_EQ(x.finish, y.finish) << what;
      ASSERT_EQ(x.text, y.text) << what;
    }
  }
}

// log p of every completion token, by one forward pass of prompt and completion as a single run.
std::vector<float> scored(const Transformer& model, const Group& group, const Completion& c) {
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

TEST(Sampler, TheSameTextInAnyBatchChunkingAndThreads) {
  const int before = thread_count();
  const auto requests = mixed_requests();
  for (const char* family : {"llama", "qwen2", "qwen3"})
    for (const Compute& compute : all_computes()) {
      if (compute.isa < Isa::avx512 && compute.isa != Isa::scalar) continue;
      const Transformer model = tiny_model(family, compute, {3});
      set_thread_count(1);
      SamplingOptions options = options_for(70);
      options.temperature = 0.9f;
      Sampler alone(model, nullptr, {.max_active = 1, .prefill_rows = 1024});
      const auto want = alone.generate(requests, options);
      for (int threads : {1, 2, 3})
        for (int64_t max_active : {3, 64})
          for (int64_t prefill_rows : {1, 7, 64, 1024}) {
            if (threads > 1 && prefill_rows % 7 != 0) continue;
            set_thread_count(threads);
            Sampler sampler(model, nullptr, {.max_active = max_active, .prefill_rows = prefill_rows});
            expect_same(sampler.generate(requests, options), want,
                        compute_name(compute) + " active " + std::to_string(max_active) + " prefill " +
                            std::to_string(prefill_rows) + " threads " + std::to_string(threads));
          }
      set_thread_count(before);
    }
}

TEST(Sampler, TheOrderOfRequestsAndOneSamplerForManyCallsChangeNothing) {
  const Transformer model = tiny_model("llama", {detect_isa(), DType::f32, false}, {3});
  auto requests = mixed_requests();
  Sampler sampler(model, nullptr, {.max_active = 5, .prefill_rows = 40});
  const auto want = sampler.generate(requests, options_for(40));
  std::reverse(requests.begin(), requests.end());
  auto turned = sampler.generate(requests, options_for(40));  // pages hold the numbers of the call before
  std::reverse(turned.begin(), turned.end());
  expect_same(turned, want, "reversed");
  for (size_t i = 0; i < requests.size(); i++) {
    const auto one = sampler.generate({requests[i]}, options_for(40));
    expect_same(one, {want[requests.size() - 1 - i]}, "alone");
  }
}

TEST(Sampler, RecordedLogProbsAreTheForwardPassBitForBit) {
  for (const char* family : {"llama", "qwen2", "qwen3"})
    for (const Compute& compute : all_computes()) {
      const Transformer model = tiny_model(family, compute);
      Sampler sampler(model, nullptr, {.max_active = 6, .prefill_rows = 50});
      for (float temperature : {1.0f, 0.7f}) {
        SamplingOptions options = options_for(67);
        options.temperature = temperature;
        for (const Group& g : sampler.generate(mixed_requests(), options))
          for (size_t s = 0; s < g.completions.size(); s += 2) {
            const Completion& c = g.completions[s];
            ASSERT_EQ(c.ids.size(), 67u);
            ASSERT_EQ(scored(model, g, c), c.behavior_logp) << compute_name(compute) << " " << family;
          }
      }
    }
}

TEST(Sampler, SeedStepPromptAndSampleMakeTheDraws) {
  const Transformer model = tiny_model("llama", {detect_isa(), DType::f32, false});
  Sampler sampler(model, nullptr, {});
  const auto ids = tiny_ids(5, 19, 1);
  const auto text = [&](uint64_t seed, uint32_t step, int64_t index, int sample) {
    SamplingOptions o = options_for(30);
    o.seed = seed, o.step = step;
    return sampler.generate({{ids, index, sample + 1}}, o)[0].completions[static_cast<size_t>(sample)].ids;
  };
  const auto base = text(1, 0, 0, 0);
  EXPECT_EQ(base, text(1, 0, 0, 0));
  EXPECT_NE(base, text(2, 0, 0, 0));
  EXPECT_NE(base, text(1, 1, 0, 0));
  EXPECT_NE(base, text(1, 0, 1, 0));
  EXPECT_NE(base, text(1, 0, 0, 1));
}

TEST(Sampler, ZeroTemperatureIsArgMaxOfTheReference) {
  const Compute compute{detect_isa(), DType::f32, false};
  const Transformer model = tiny_model("qwen2", compute);
  Sampler sampler(model, nullptr, {});
  SamplingOptions options = options_for(20);
  options.temperature = 0;
  const auto groups = sampler.generate({{tiny_ids(9, 19, 4), 0, 2}}, options);
  const Completion& c = groups[0].completions[0];
  EXPECT_EQ(c.ids, groups[0].completions[1].ids);
  const auto logp = scored(model, groups[0], c);
  for (size_t i = 0; i < c.ids.size(); i++) {  // no other token scores higher, an equal one only with a higher id
    for (TokenId other = 0; other < 19; other++) {
      Completion changed;
      changed.ids.assign(c.ids.begin(), c.ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      changed.ids.back() = other;
      const float p = scored(model, groups[0], changed).back();
      EXPECT_TRUE(p < logp[i] || (p == logp[i] && other >= c.ids[i])) << i << " " << other;
    }
    EXPECT_EQ(c.sampling_logp[i], 0.0f);
  }
}

// First tokens of many groups through the whole sampler, against the filters' reference on the model's own logits.
TEST(Sampler, FiltersGiveTheReferenceDistribution) {
  const Compute compute{detect_isa(), DType::f32, false};
  const Transformer model = tiny_model("llama", compute);
  const auto ids = tiny_ids(6, 19, 8);
  TinyBatch tiny;
  tiny.add(ids);
  Workspace workspace(compute, model.config(), 6, 1, ModelUse::inference);
  KvCache cache(compute, model.config(), 1);
  std::vector<float> row(19);
  const std::vector<int64_t> last = {5};
  model.head().logits(model.forward(tiny.batch, last, cache, workspace), {row.data(), 1, 19});
  const std::vector<double> logits(row.begin(), row.end());
  for (const SampleSpec& spec :
       {SampleSpec{}, SampleSpec{.temperature = 0.6f}, SampleSpec{.top_k = 4}, SampleSpec{.top_p = 0.7f},
        SampleSpec{.min_p = 0.3f}, SampleSpec{.temperature = 1.4f, .top_k = 12, .top_p = 0.8f, .min_p = 0.1f}}) {
    SamplingOptions options = options_for(1);
    options.temperature = spec.temperature, options.top_k = spec.top_k;
    options.top_p = spec.top_p, options.min_p = spec.min_p;
    Sampler sampler(model, nullptr, {.max_active = 512, .prefill_rows = 64});
    const auto groups = sampler.generate({{ids, 0, 8000}}, options);
    const auto want = sampling_distribution_ref(logits, spec);
    std::vector<int64_t> counts(19);
    for (const Completion& c : groups[0].completions) {
      counts[static_cast<size_t>(c.ids[0])]++;
      ASSERT_NEAR(c.sampling_logp[0], std::log(want[static_cast<size_t>(c.ids[0])]), 1e-4);
    }
    EXPECT_TRUE(draws_fit(counts, want)) << "k " << spec.top_k << " p " << spec.top_p << " min " << spec.min_p;
  }
}

}  // namespace
}  // namespace r1
