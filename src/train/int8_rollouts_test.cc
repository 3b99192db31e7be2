// Samples of the policy's int8 copy: whose log-probs they carry, what the update makes of them, and that a run learns.
#include <gtest/gtest.h>

#include <cmath>

#include "base/threads.h"
#include "kernels/matmul_int8.h"
#include "model/tiny_models.h"
#include "train/grpo_update.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

constexpr int kSamples = 4;

std::vector<Compute> sampling_computes() {
  std::vector<Compute> all = {make_compute("f32"), {Isa::scalar, DType::f32, false}};
  if (detect_isa() >= Isa::avx2) all.push_back({Isa::avx2, DType::f32, false});
  if (detect_isa() == Isa::avx512bf16) all.push_back(make_compute("bf16"));
  return all;
}

std::vector<Group> sample(const Transformer& model, int64_t max_active, uint64_t seed = 42) {
  Sampler sampler(model, nullptr, {.max_active = max_active});
  std::vector<PromptRequest> requests;
  for (int64_t i = 0; i < 3; i++) requests.push_back({tiny_ids(4 + 9 * i, 19, static_cast<uint32_t>(i)), i, kSamples});
  SamplingOptions options;
  options.max_new_tokens = 11;
  options.seed = seed;
  return sampler.generate(requests, options);
}

TEST(Int8Rollouts, RecordTheInt8PolicysOwnLogProbsWhateverTheCompanyAndTheThreads) {
  const int before = thread_count();
  for (const Compute& compute : sampling_computes()) {
    const ModelConfig config = tiny_config("qwen3");
    Transformer model(config, compute, tiny_parameters(config), ModelUse::training);
    const Transformer copy(model, choose_int8(compute));
    set_thread_count(1);
    const std::vector<Group> want = sample(copy, 64);
    for (int threads : {1, 2, 3})
      for (int64_t active : {1, 3, 8}) {
        set_thread_count(threads);
        const std::vector<Group> got = sample(copy, active);
        for (size_t g = 0; g < want.size(); g++)
          for (size_t s = 0; s < kSamples; s++) {
            EXPECT_EQ(got[g].completions[s].ids, want[g].completions[s].ids) << isa_name(compute.isa);
            EXPECT_EQ(got[g].completions[s].behavior_logp, want[g].completions[s].behavior_logp);
          }
      }
    set_thread_count(before);
    Scorer own(copy), trainers(model);
    double gap = 0;
    for (const Group& g : want)
      for (const Completion& c : g.completions) {
        const std::vector<TrainGroup> one = {{g.prompt_ids, {{c.ids, {}, 0}}}};
        const std::vector<MicroBatch> packed = pack(one, 1000);
        const MicroBatch& batch = packed[0];
        const auto int8_scores = own.score(batch), scores = trainers.score(batch);
        for (size_t t = 0; t < c.ids.size(); t++) {
          EXPECT_EQ(int8_scores[t].logp, c.behavior_logp[t]) << isa_name(compute.isa);
          gap = std::max(gap, std::abs(static_cast<double>(scores[t].logp) - c.behavior_logp[t]));
        }
      }
    EXPECT_GT(gap, 1e-3) << "it is another policy";
    EXPECT_LT(gap, 1.0) << "but a near one";
  }
}

TEST(Int8Rollouts, TheCopyFollowsTheWeights) {
  const ModelConfig config = tiny_config("llama");
  const Compute compute = make_compute("f32");
  Transformer model(config, compute, tiny_parameters(config), ModelUse::training);
  Transformer copy(model, choose_int8(compute));
  const auto before = sample(copy, 8);
  for (int64_t i = 0; i < model.layout().total(); i++) model.parameters()[i] *= 1.1f;
  model.repack();
  copy.repack();
  const Transformer fresh(model, choose_int8(compute));
  const auto after = sample(copy, 8), want = sample(fresh, 8);
  EXPECT_EQ(after[1].completions[2].behavior_logp, want[1].completions[2].behavior_logp);
  EXPECT_NE(after[1].completions[2].behavior_logp, before[1].completions[2].behavior_logp);
  EXPECT_LT(copy.packed_bytes(), model.packed_bytes() / 3) << "the head is the source's";
}

// The step by definition: -min(pi / pi_int8, cap) A log pi, and nothing through the weight.
TEST(Int8Rollouts, TheUpdateWeighsTokensUpToTheCap) {
  set_thread_count(1);
  const ModelConfig config = tiny_config("qwen3");
  const Compute compute = make_compute("f32");
  Transformer model(config, compute, tiny_parameters(config), ModelUse::training);
  const Transformer copy(model, choose_int8(compute));
  Policy policy(model);
  Rollout rollout;
  rollout.int8 = true;
  double tokens = 0;
  for (Group& g : sample(copy, 8)) {
    g.set_advantages({1, -1, 0.5, -0.5});
    JudgedGroup judged;
    judged.prompt.ids = g.prompt_ids;
    judged.group = std::move(g);
    judged.verdicts.resize(kSamples);
    for (Verdict& v : judged.verdicts) v.outcome = Outcome::wrong;
    judged.spread = true;
    for (const Completion& c : judged.group.completions) tokens += static_cast<double>(c.ids.size());
    rollout.groups.push_back(std::move(judged));
  }
  const auto all = cut_into_minibatches(rollout, 1, 0)[0];
  for (double cap : {2.0, 1.01}) {
    std::fill_n(policy.gradients(), model.layout().total(), 0.0f);
    const UpdateSums sums = grpo_forward_backward(policy, {.rollout = &rollout,
                                                           .minibatch = all,
                                                           .max_completion_length = 11,
                                                           .micro_batch_tokens = 1000,
                                                           .importance_cap = cap});
    const std::vector<float> got(policy.gradients(), policy.gradients() + model.layout().total());
    std::fill_n(policy.gradients(), model.layout().total(), 0.0f);
    double loss = 0, kl = 0, w_sum = 0, w_squares = 0, used_min = INFINITY, used_max = 0;
    for (const JudgedGroup& g : rollout.groups)
      for (size_t s = 0; s < kSamples; s++) {
        const Completion& c = g.group.completions[s];
        const std::vector<TrainGroup> one = {{g.prompt.ids, {{c.ids, {}, 0}}}};
        const std::vector<MicroBatch> packed = pack(one, 1000);
        const MicroBatch& batch = packed[0];
        const auto scores = policy.forward(batch);
        std::vector<float> dlogp;
        for (size_t t = 0; t < c.ids.size(); t++) {
          const double gap = static_cast<double>(scores[t].logp) - c.behavior_logp[t], w = std::exp(gap);
          const double used = std::min(w, cap), term = used * static_cast<double>(g.group.advantages[s]) / tokens;
          loss -= term, kl += w - 1 - gap, w_sum += w, w_squares += w * w;
          used_min = std::min(used_min, used), used_max = std::max(used_max, used);
          dlogp.push_back(static_cast<float>(-term));
        }
        policy.backward(batch, dlogp);
      }
    EXPECT_LT(relative_gap(got, std::vector<float>(policy.gradients(), policy.gradients() + model.layout().total())),
              1e-5);
    EXPECT_NEAR(sums.loss.loss, loss, 1e-6);
    EXPECT_NEAR(sums.mismatch.kl, kl, 1e-9);
    EXPECT_NEAR(sums.mismatch.effective_share(tokens), w_sum * w_sum / (tokens * w_squares), 1e-12);
    EXPECT_NEAR(sums.mismatch.used_min, used_min, 1e-12);
    EXPECT_NEAR(sums.mismatch.used_max, used_max, 1e-12);
    EXPECT_EQ(sums.loss.ratio_min, 1) << "pi_old is this pass's own";
    EXPECT_GT(kl, 0);
    if (cap < 2) {
      EXPECT_EQ(used_max, cap) << "the cap was met";
    }
  }
}

double mean_reward(const std::vector<nlohmann::ordered_json>& lines, size_t first, size_t count) {
  double sum = 0;
  for (size_t i = first; i < first + count; i++) sum += lines[i]["reward"].get<double>() / static_cast<double>(count);
  return sum;
}

// Shorter answers are worth more: the same gain as with samples of the policy itself.
TEST(Int8Rollouts, ARunLearnsAsWithoutThem) {
  TempFolder temporary;
  const std::string model = write_tiny_model(temporary / "tiny");
  std::vector<double> gains;
  for (const std::string dtype : {"auto", "int8"}) {
    ASSERT_TRUE(run_grpo(make_run<GrpoRun>({{"model", model},
                                            {"out", (temporary / dtype).string()},
                                            {"data", "tasks:arithmetic"},
                                            {"task_rows", "64"},
                                            {"task_digits", "1"},
                                            {"compute_dtype", "f32"},
                                            {"threads", "1"},
                                            {"learning_rate", "5e-3"},
                                            {"reward", "length"},
                                            {"soft_overlong_cache", "16"},
                                            {"max_completion_length", "16"},
                                            {"num_generations", "8"},
                                            {"per_device_train_batch_size", "64"},
                                            {"rollout_dtype", dtype},
                                            {"save_steps", "0"},
                                            {"max_steps", "30"}})));
    const auto lines = json_lines(temporary / dtype / "metrics.jsonl");
    gains.push_back(mean_reward(lines, 25, 5) - mean_reward(lines, 0, 5));
  }
  EXPECT_GT(gains[0], 0.2);
  EXPECT_GT(gains[1], 0.7 * gains[0]);
}

}  // namespace
}  // namespace r1
