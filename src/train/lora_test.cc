// Runs that train adapters: PEFT folders, the same bytes whatever the threads and after a stop, the reference that is
// the base, going on with an adapter, merging it; and that adapters learn.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/threads.h"
#include "model/adapter.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Lora : public ::testing::Test {
 protected:
  Lora() : model_(write_tiny_model(temporary_ / "tiny")) {}

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
            {"learning_rate", "1e-2"},
            {"lr_scheduler_type", "constant"},
            {"save_steps", "0"},
            {"use_peft", "true"},
            {"lora_r", "4"},
            {"max_steps", "6"}};
  }
  KeyValues grpo(const std::string& out) const {
    return common(out) + KeyValues{{"num_generations", "4"},        {"per_device_train_batch_size", "8"},
                                   {"generation_batch_size", "16"}, {"num_iterations", "2"},
                                   {"max_completion_length", "12"}, {"reward", "length"},
                                   {"soft_overlong_cache", "12"},   {"beta", "0.1"}};
  }
  bool run_sft_with(const KeyValues& values, bool resume = false) { return run_sft(make_run<SftRun>(values, resume)); }
  bool run_grpo_with(const KeyValues& values, bool resume = false) {
    return run_grpo(make_run<GrpoRun>(values, resume));
  }
  std::string adapter(const std::string& out) const {
    return bytes_of(temporary_ / out / "model" / "adapter_model.safetensors");
  }
  std::string model_of(const std::string& out) const { return (temporary_ / out / "model").string(); }
  std::vector<double> column(const std::string& out, const std::string& key) const {
    std::vector<double> values;
    for (const Json& line : json_lines(temporary_ / out / "metrics.jsonl")) values.push_back(line.at(key));
    return values;
  }

  TempFolder temporary_;
  std::string model_;
};

TEST_F(Lora, TheSameBytesWhateverTheThreadsAndAfterAStop) {
  ASSERT_TRUE(run_grpo_with(grpo("whole")));
  ASSERT_TRUE(run_grpo_with(grpo("two") + KeyValues{{"threads", "2"}, {"max_active", "3"}}));
  ASSERT_TRUE(run_grpo_with(grpo("part") + KeyValues{{"max_steps", "2"}}));  // in the middle of a rollout
  EXPECT_NE(adapter("part"), adapter("whole"));
  ASSERT_TRUE(run_grpo_with(grpo("part"), true));
  EXPECT_EQ(adapter("two"), adapter("whole"));
  EXPECT_EQ(adapter("part"), adapter("whole"));
  ASSERT_TRUE(run_sft_with(common("sft")));
  ASSERT_TRUE(run_sft_with(common("sft two") + KeyValues{{"threads", "2"}}));
  ASSERT_TRUE(run_sft_with(common("sft part") + KeyValues{{"max_steps", "4"}}));
  ASSERT_TRUE(run_sft_with(common("sft part"), true));
  EXPECT_EQ(adapter("sft two"), adapter("sft"));
  EXPECT_EQ(adapter("sft part"), adapter("sft"));
}

TEST_F(Lora, SamplerAndTrainerAgreeAndTheReferenceIsTheBase) {
  for (const char* dtype : {"f32", "bf16"}) {
    ASSERT_TRUE(run_grpo_with(grpo(dtype) + KeyValues{{"compute_dtype", dtype}}));
    const auto gap = column(dtype, "sampling/sampling_logp_difference/max"), kl = column(dtype, "kl");
    for (double g : gap) EXPECT_EQ(g, 0) << dtype;
    EXPECT_EQ(kl[0], 0) << "a new adapter is the base to the last bit: " << dtype;
    EXPECT_GT(kl[5], 1e-6) << dtype;
  }
}

TEST_F(Lora, CheckpointsAndModelArePeftFoldersOfTheNamedBase) {
  ASSERT_TRUE(
      run_sft_with(common("run") + KeyValues{{"lora_target_modules", "v_proj, q_proj"}, {"use_rslora", "true"}}));
  for (const std::string& folder : {model_of("run"), (temporary_ / "run" / "checkpoints" / "step-6").string()}) {
    EXPECT_FALSE(fs::exists(fs::path(folder) / "model.safetensors"));
    const ModelFiles files = open_model_files(folder);
    ASSERT_TRUE(files.adapter.has_value()) << folder;
    EXPECT_EQ(files.adapter->config.modules, (std::vector<std::string>{"q_proj", "v_proj"}));
    EXPECT_EQ(files.adapter->config.scale(), 32 / 2.0) << "alpha / sqrt(r)";
    EXPECT_EQ(files.base, fs::canonical(model_).string());
    EXPECT_EQ(files.adapter->tensors->tensors().size(), 2u * 2 * 2) << "layers, modules, A and B";
    EXPECT_FALSE(files.tokenizer_json.empty());
  }
}

// The first loss is what the adapter has reached: trained further as an adapter, or merged and trained whole.
TEST_F(Lora, AnAdapterGoesOnAsItIsOrMerged) {
  const KeyValues fixed = {{"shuffle_dataset", "false"}, {"per_device_train_batch_size", "24"}};
  ASSERT_TRUE(run_sft_with(common("first") + fixed));
  ASSERT_TRUE(run_sft_with(common("longer") + fixed + KeyValues{{"max_steps", "7"}}));
  const double reached = column("longer", "loss")[6];
  ASSERT_LT(reached, column("longer", "loss")[0] - 0.01);
  const KeyValues from_it = fixed + KeyValues{{"model", model_of("first")}, {"max_steps", "1"}};
  ASSERT_TRUE(run_sft_with(common("same r") + from_it));
  EXPECT_EQ(column("same r", "loss")[0], reached);
  ASSERT_TRUE(run_sft_with(common("own r") + from_it + KeyValues{{"lora_r", "16"}}));
  EXPECT_EQ(column("own r", "loss")[0], reached) << "a default yields to the adapter's own";
  EXPECT_EQ(open_model_files(model_of("own r")).adapter->config.r, 4);
  EXPECT_EQ(open_model_files(model_of("own r")).base, fs::canonical(model_).string());
  ASSERT_TRUE(run_sft_with(common("whole") + from_it + KeyValues{{"use_peft", "false"}}));
  EXPECT_NEAR(column("whole", "loss")[0], reached, 1e-5);
  EXPECT_FALSE(open_model_files(model_of("whole")).adapter.has_value());
  const std::string refused = error_of([&] { run_sft_with(common("other r") + from_it + KeyValues{{"lora_r", "8"}}); });
  EXPECT_NE(refused.find("its adapter has r 4, alpha 32, q_proj"), std::string::npos) << refused;
  EXPECT_NE(refused.find("say r 8"), std::string::npos) << refused;
}

TEST_F(Lora, AFrozenModelKeepsNoBlockOfItsMatrices) {
  const ModelFiles files = open_model_files(model_);
  const ModelConfig config = tiny_run_config();
  const ParameterLayout all(config), held(config, ParameterLayout::Holds::unpacked);
  int64_t expected = 0;
  for (const Parameter& p : all.all())
    if (!p.name.starts_with("model.layers.") || p.name.find("norm") != std::string::npos)
      expected += p.name == "lm_head.weight" ? 0 : p.size;
  EXPECT_EQ(held.total(), expected);
  EXPECT_LT(held.total(), all.total());
  EXPECT_EQ(held.layers()[0].qkv, -1);
}

// Adapters learn, by examples and by rewards (the embedded model, f32, the same numbers on every machine of one
// instruction set).
class LoraSlow : public Lora {
 protected:
  KeyValues mini(const std::string& out) const {
    return {{"model", std::string(R1_SOURCE_DIR) + "/assets/mini"},
            {"out", (temporary_ / out).string()},
            {"compute_dtype", "f32"},
            {"save_steps", "0"},
            {"use_peft", "true"},
            {"lr_scheduler_type", "constant"}};
  }
};

TEST_F(LoraSlow, SftLearnsAnotherKindOfProblem) {
  ASSERT_TRUE(run_sft_with(mini("sft") + KeyValues{{"data", "tasks:arithmetic"},
                                                   {"task_digits", "1"},
                                                   {"task_rows", "2000"},
                                                   {"max_steps", "20"},
                                                   {"per_device_train_batch_size", "16"},
                                                   {"learning_rate", "3e-3"}}));
  const auto loss = column("sft", "loss");
  EXPECT_GT(loss[0], 2) << "the embedded base has never seen a chat turn";
  EXPECT_LT(loss[19], 0.6);
}

TEST_F(LoraSlow, GrpoLearnsToBeBrief) {
  ASSERT_TRUE(run_grpo_with(mini("grpo") + KeyValues{{"data", "tasks:arithmetic?digits=2&operators=+-"},
                                                     {"reward", "length"},
                                                     {"soft_overlong_cache", "60"},
                                                     {"max_completion_length", "64"},
                                                     {"num_generations", "8"},
                                                     {"per_device_train_batch_size", "32"},
                                                     {"max_steps", "8"},
                                                     {"beta", "0.001"},
                                                     {"learning_rate", "2e-3"}}));
  const auto reward = column("grpo", "reward");
  EXPECT_LT(reward[0], -0.3) << "the base writes about 30 tokens where 4 are free";
  EXPECT_GT((reward[6] + reward[7]) / 2, reward[0] + 0.2);
}

}  // namespace
}  // namespace r1
