#include "train/memory_plan.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/threads.h"
#include "model/tiny_models.h"
#include "train/policy.h"

namespace r1 {
namespace {

TEST(MemoryPlan, ThePeakIsTheFullerPhases) {
  MemoryPlan plan{.items = {{.name = "both", .bytes = 5},
                            {.name = "a", .bytes = 7, .in_rollout = true, .in_update = false},
                            {.name = "b", .bytes = 9, .in_rollout = false, .in_update = true}}};
  EXPECT_EQ(plan.rollout_bytes(), 12u);
  EXPECT_EQ(plan.update_bytes(), 14u);
  EXPECT_EQ(plan.peak_bytes(), 14u);
  const auto table = memory_table(plan);
  ASSERT_EQ(table.size(), 5u);
  EXPECT_NE(table[4].find("together"), std::string::npos);
}

TEST(MemoryPlan, WhatDoesNotFitIsRefusedWithSuggestions) {
  const MemoryPlan plan{.items = {{.name = "weights", .bytes = 2000000000},
                                  {.name = "activations", .bytes = 4000000000, .in_rollout = false},
                                  {.name = "sampler, key cache", .bytes = 3000000000, .in_update = false}}};
  require_memory(plan, {6000000000, "it"});
  try {
    require_memory(plan, {5999999999, "the machine"});
    FAIL();
  } catch (const UsageError&) {
    FAIL() << "it is the machine's fault";
  } catch (const Error& e) {
    const std::string what = e.what();
    for (const char* part : {"needs 6.00 GB", "6.00 GB are there (the machine)", "activations 4.00, weights 2.00",
                             "micro_batch_tokens", "memory_limit_gb"})
      EXPECT_NE(what.find(part), std::string::npos) << part << " is not in: " << what;
    EXPECT_EQ(what.find("max_active"), std::string::npos) << "the sampler is not what is too much: " << what;
  }
}

TEST(MemoryPlan, TheFullestMicroBatch) {
  // a prompt of 10 and two completions of 6: 10 + 5 + 5 rows, 12 that reach the head, one page each
  const SamplingLoad rollout{.prompts = 3, .samples = 6, .longest_prompt = 10, .max_new_tokens = 6};
  EXPECT_EQ(update_load(rollout, 27).rows, 20) << "one group";
  EXPECT_EQ(update_load(rollout, 28).rows, 28) << "two groups, were their completions half as long";
  const UpdateLoad all = update_load(rollout, 1000);
  EXPECT_EQ(all.rows, 3 * 20);
  EXPECT_EQ(all.selected, 3 * 12);
  EXPECT_EQ(all.pages, 3 * 3);
  const UpdateLoad long_one =
      update_load(SamplingLoad{.prompts = 1, .samples = 2, .longest_prompt = 10, .max_new_tokens = 50}, 20);
  EXPECT_EQ(long_one.rows, 10 + 49) << "a sample longer than a micro-batch stands alone";
}

TEST(MemoryPlan, PackedCopiesAsTheModelHasThem) {
  ModelConfig config = tiny_config("llama");
  config.width = 96, config.inner = 200, config.heads = 6, config.kv_heads = 3, config.head_size = 16;
  config.vocabulary = 2600;
  for (const char* dtype : {"f32", "auto"}) {
    const Compute compute = make_compute(dtype);
    for (ModelUse use : {ModelUse::inference, ModelUse::training}) {
      const Transformer model(config, compute, random_parameters(ParameterLayout(config), config, 1), use);
      size_t planned = 0;
      for (const MemoryItem& item :
           plan_memory(compute, config, {.trains = use == ModelUse::training, .saves = false}).items)
        if (item.in_rollout && item.name.starts_with("packed")) planned += item.bytes;
      EXPECT_NEAR(static_cast<double>(planned) / static_cast<double>(model.packed_bytes()), 1, 0.03) << dtype;
    }
  }
}

// What an update keeps packed: the head, and what is lent to one layer.
TEST(MemoryPlan, AnUpdatePacksALayerAtATime) {
  const ModelConfig config = tiny_config("llama");
  for (const char* dtype : {"f32", "auto"}) {
    const Compute compute = make_compute(dtype);
    Transformer model(config, compute, tiny_parameters(config, 0.25), ModelUse::training);
    const size_t before = model.packed_bytes();
    TinyBatch tiny;
    tiny.add(tiny_ids(8, config.vocabulary, 1));
    Workspace workspace(compute, config, 8, 8, ModelUse::training);
    KvCache cache(compute, config, tiny.num_pages);
    model.forward_to_train(tiny.batch, std::vector<int64_t>{7}, cache, workspace);
    EXPECT_LT(model.packed_bytes(), before);
    EXPECT_EQ(model.packed_bytes(), model.head().bytes());
    model.pack_layers();
    EXPECT_EQ(model.packed_bytes(), before);
  }
}

TEST(MemoryPlan, TheSamplerTakesWhatIsPlanned) {
  set_thread_count(1);
  const ModelConfig config = tiny_config("qwen3");
  const Compute compute = make_compute("f32");
  const Transformer model(config, compute, tiny_parameters(config, 0.25), ModelUse::inference);
  const SamplerLimits limits{.max_active = 8, .prefill_rows = 64};
  const SamplingLoad load{.prompts = 3, .samples = 12, .longest_prompt = 60, .max_new_tokens = 100};
  Sampler sampler(model, nullptr, limits);
  std::vector<PromptRequest> requests;
  for (int64_t i = 0; i < load.prompts; i++)
    requests.push_back({.ids = tiny_ids(60, 19, static_cast<uint32_t>(i)), .index = i, .samples = 4});
  SamplingOptions options;
  options.max_new_tokens = load.max_new_tokens;
  sampler.generate(requests, options);
  const double planned = static_cast<double>(Sampler::planned_bytes(compute, config, limits, load)),
               is = static_cast<double>(sampler.allocated_bytes());
  EXPECT_LE(is, planned);
  SamplingLoad exact = load;
  exact.one_length = true;
  EXPECT_EQ(is, static_cast<double>(Sampler::planned_bytes(compute, config, limits, exact)));
  EXPECT_GE(is, 0.9 * planned);
  EXPECT_LT(planned, static_cast<double>(sampler.planned_bytes(60, 100))) << "three prompts are not eight";
}

TEST(MemoryPlan, PartsThatAreNotThereTakeNothing) {
  const ModelConfig config = tiny_config("llama");
  const Compute compute = make_compute("f32");
  const size_t parameters = static_cast<size_t>(ParameterLayout(config).total());
  const auto bytes = [](const MemoryPlan& plan, const std::string& name) {
    for (const MemoryItem& item : plan.items)
      if (item.name == name) return item.bytes;
    return size_t{0};
  };
  const MemoryPlan all =
      plan_memory(compute, config,
                  {.program = 1000,
                   .reference = true,
                   .limits = {.max_active = 2},
                   .sampling = {{.prompts = 1, .samples = 2, .longest_prompt = 4, .max_new_tokens = 4}},
                   .update = {.rows = 64, .selected = 32, .pages = 3}});
  EXPECT_EQ(bytes(all, "program and data"), 1000u);
  EXPECT_EQ(bytes(all, "weights"), 4 * parameters);
  EXPECT_EQ(bytes(all, "gradients"), 4 * parameters);
  EXPECT_EQ(bytes(all, "optimiser state"), 8 * parameters);
  EXPECT_GT(bytes(all, "reference model"), 8 * parameters);
  EXPECT_GT(bytes(all, "activations"), 0u);
  EXPECT_GT(bytes(all, "sampler, key cache"), 0u);
  const MemoryPlan less = plan_memory(compute, config, {.trains = false});
  EXPECT_EQ(bytes(less, "weights"), 4 * parameters);
  for (const char* name :
       {"gradients", "optimiser state", "reference model", "activations", "saving", "sampler, key cache"})
    EXPECT_EQ(bytes(less, name), 0u) << name;
  const MemoryPlan adapter = plan_memory(compute, config, {.trained = 10, .kept_f32 = 20, .state_bytes = 2});
  EXPECT_EQ(bytes(adapter, "weights"), 80u);
  EXPECT_EQ(bytes(adapter, "gradients"), 40u);
  EXPECT_EQ(bytes(adapter, "optimiser state"), 20u);
}

}  // namespace
}  // namespace r1
