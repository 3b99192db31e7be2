// The optimiser's memory: how much, that a checkpoint gives back every bit of it, and that a model learns with each
// form as it does with float32.
#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/threads.h"
#include "train/checkpoint.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

constexpr Optim kAll[] = {Optim::adamw, Optim::adamw_bf16, Optim::adamw_8bit};

TEST(Optimizer, BytesAreThoseOfTheBlocks) {
  const ModelConfig config = tiny_run_config();
  const ParameterLayout layout(config);
  size_t matrices = 0, vectors = 0, blocks = 0;
  for (const Parameter& p : layout.all()) {
    (p.is_matrix() ? matrices : vectors) += static_cast<size_t>(p.size);
    if (p.is_matrix()) blocks += static_cast<size_t>((p.size + 255) / 256);
  }
  for (Optim optim : kAll) EXPECT_EQ(OptimizerState(optim, layout.all()).bytes(), optimizer_bytes(optim, layout.all()));
  EXPECT_EQ(optimizer_bytes(Optim::adamw, layout.all()), 8 * (matrices + vectors));
  EXPECT_EQ(optimizer_bytes(Optim::adamw_bf16, layout.all()), 4 * 256 * blocks + 8 * vectors);
  EXPECT_EQ(optimizer_bytes(Optim::adamw_8bit, layout.all()), 2 * (256 + 4) * blocks + 8 * vectors);
}

TEST(Optimizer, NamesAreOursAndTransformers) {
  EXPECT_EQ(parse_optim("adamw_torch_fused"), Optim::adamw);
  EXPECT_EQ(parse_optim("adamw_bf16"), Optim::adamw_bf16);
  EXPECT_EQ(parse_optim("adamw_bnb_8bit"), Optim::adamw_8bit);
  EXPECT_THROW(parse_optim("sgd"), UsageError);
}

// A tiny model with gradients that are functions of the step.
struct Trained {
  explicit Trained(Optim optim)
      : files(tiny_files()),
        config(tiny_run_config()),
        model(config, make_compute("f32"), weights(optim), ModelUse::training),
        policy(model, optim) {}
  Tensor weights(Optim optim) const {
    const ParameterLayout layout(config);
    Tensor block = random_parameters(layout, config, 1);
    round_weights(optim, layout.all(), block.as<float>());
    return block;
  }
  void step() {
    const float s = static_cast<float>(policy.updates());
    for (int64_t i = 0; i < model.layout().total(); i++)
      policy.gradients()[i] = std::sin(static_cast<float>(i) * 0.7f + s) * 0.01f;
    policy.update({.learning_rate = 1e-3, .weight_decay = 0.1, .seed = 5});
  }
  std::string state() {
    const float* w = model.parameters();
    std::string out(reinterpret_cast<const char*>(w), static_cast<size_t>(model.layout().total()) * sizeof(float));
    for (const StoredTensor& t : policy.optimizer().tensors()) {
      size_t size = dtype_size(t.dtype);
      for (int64_t d : t.shape) size *= static_cast<size_t>(d);
      out += t.name;
      out.append(static_cast<const char*>(t.data), size);
    }
    return out;
  }
  ModelFiles files;
  ModelConfig config;
  Transformer model;
  Policy policy;
};

TEST(Optimizer, ACheckpointGoesOnWithTheSameBytes) {
  for (Optim optim : kAll) {
    TempFolder temporary;
    Trained whole(optim), other(optim);
    for (int i = 0; i < 3; i++) whole.step();
    CheckpointStore store(temporary / "checkpoints", 1);
    CheckpointContent content;
    content.meta = &whole.files;
    content.policy = &whole.policy;
    store.save(3, content);
    restore_policy(*store.newest(), other.policy, nullptr);
    EXPECT_TRUE(other.state() == whole.state()) << static_cast<int>(optim);
    for (int i = 0; i < 3; i++) whole.step(), other.step();
    EXPECT_TRUE(other.state() == whole.state()) << static_cast<int>(optim);
    if (optim == Optim::adamw) continue;
    Trained plain(Optim::adamw);
    EXPECT_NE(error_of([&] { restore_policy(*store.newest(), plain.policy, nullptr); }), "");
  }
}

TEST(Optimizer, MatricesStayInBf16AndNormsDoNot) {
  Trained t(Optim::adamw_bf16);
  for (int i = 0; i < 3; i++) t.step();
  int64_t finer = 0;
  for (const Parameter& p : t.model.layout().all())
    for (int64_t i = p.offset; i < p.offset + p.size; i++) {
      const float w = t.model.parameters()[i];
      if (p.is_matrix())
        ASSERT_EQ(w, to_float(to_bf16(w))) << p.name;
      else
        finer += w != to_float(to_bf16(w));
    }
  EXPECT_GT(finer, 50);
}

double last_loss(const KeyValues& values, const fs::path& folder) {
  EXPECT_TRUE(run_sft(make_run<SftRun>(values)));
  double sum = 0;
  const auto lines = json_lines(folder / "metrics.jsonl");
  for (size_t i = lines.size() - 10; i < lines.size(); i++) sum += lines[i]["loss"].get<double>() / 10;
  return sum;
}

TEST(Optimizer, AModelLearnsWithEachFormAsWithFloat32) {
  TempFolder temporary;
  const std::string model = write_tiny_model(temporary / "tiny");
  std::vector<double> losses;
  for (const std::string optim : {"adamw", "adamw_bf16", "adamw_8bit"})
    losses.push_back(last_loss({{"model", model},
                                {"out", (temporary / optim).string()},
                                {"data", "tasks:arithmetic"},
                                {"task_rows", "400"},
                                {"task_digits", "1"},
                                {"compute_dtype", "f32"},
                                {"threads", "1"},
                                {"learning_rate", "1e-2"},
                                {"optim", optim},
                                {"save_steps", "0"},
                                {"max_steps", "150"}},
                               temporary / optim));
  EXPECT_LT(losses[0], 2.0) << "from 5.8";
  EXPECT_NEAR(losses[1], losses[0], 0.05 * losses[0]) << "bf16";
  EXPECT_NEAR(losses[2], losses[0], 0.05 * losses[0]) << "eight bits";
}

}  // namespace
}  // namespace r1
