// LoRA adapters against PEFT (tools/make_lora_golden.py): its folders read, log-probs with the adapter on and off,
// gradients, AdamW steps, merged weights; and the folder written back.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "formats/peft.h"
#include "train/policy.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
const std::string kGolden = std::string(R1_SOURCE_DIR) + "/tests/golden/";

class Tensors {
 public:
  explicit Tensors(const std::string& path) : source_(open_safetensors(path)) {}
  std::vector<float> floats(const std::string& name) const {
    std::vector<float> out(static_cast<size_t>(info(name).elements()));
    source_->read_f32(source_->find(name), out);
    return out;
  }
  std::vector<int64_t> integers(const std::string& name) const {
    std::vector<int64_t> out(static_cast<size_t>(info(name).elements()));
    source_->read_i64(source_->find(name), out);
    return out;
  }
  const TensorInfo& info(const std::string& name) const {
    return source_->tensors().at(static_cast<size_t>(source_->find(name)));
  }
  const std::vector<TensorInfo>& all() const { return source_->tensors(); }

 private:
  std::unique_ptr<TensorSource> source_;
};

// Rows of a batch to learn; tag = row. `all`: every token but the first.
std::vector<TrainGroup> rows_of(const Tensors& file, const std::string& prefix, bool all) {
  const auto ids = file.integers(prefix + "ids"), live = file.integers(prefix + "live"),
             learn = file.integers(prefix + "learn");
  const auto shape = file.info(prefix + "ids").shape;
  std::vector<TrainGroup> out;
  for (int64_t r = 0; r < shape[0]; r++) {
    TrainSample s;
    s.tag = r;
    for (int64_t t = 0; t < shape[1]; t++) {
      const size_t at = static_cast<size_t>(r * shape[1] + t);
      if (live[at] == 0) continue;
      s.ids.push_back(static_cast<TokenId>(ids[at]));
      s.learn.push_back(t > 0 && (all || learn[at] != 0));
    }
    out.push_back({{}, {s}});
  }
  return out;
}

double norm(const std::vector<float>& x) {
  double sum = 0;
  for (float v : x) sum += static_cast<double>(v) * v;
  return std::sqrt(sum);
}
double distance(const float* a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); i++) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum);
}

// Mean over learned tokens of -log p, its gradient added to the policy's.
double learn(Policy& policy, const std::vector<TrainGroup>& groups) {
  const auto batches = pack(groups, 64);
  double loss = 0, tokens = 0;
  for (const MicroBatch& b : batches) tokens += static_cast<double>(b.targets.size());
  for (const MicroBatch& b : batches) {
    for (const HeadScore& s : policy.forward(b)) loss -= s.logp / tokens;
    policy.backward(b, std::vector<float>(b.targets.size(), static_cast<float>(-1 / tokens)));
  }
  return loss;
}

class LoraGolden : public ::testing::TestWithParam<const char*> {
 protected:
  LoraGolden()
      : folder_(kGolden + "lora/" + GetParam()),
        files_(open_model_files(folder_)),
        golden_(folder_ + "/golden.safetensors"),
        base_(std::string(GetParam()).substr(0, 5)) {}

  Transformer training_model(const Compute& compute) const {
    const ModelConfig config = read_config(files_.config, files_.generation_config, files_.path);
    auto layout = std::make_unique<AdapterLayout>(config, files_.adapter->config);
    Tensor values = load_adapter(*layout, files_);
    return Transformer(config, compute,
                       {weights_of(ParameterLayout(config), files_), std::move(layout), std::move(values)},
                       ModelUse::training);
  }
  Tensors base_file(const std::string& name) const { return Tensors(kGolden + "models/" + base_ + "/" + name); }

  // `name`: (rows, columns - 1) log-probs of the golden.
  void expect_logprobs(const Transformer& model, AdapterUse use, const std::string& name) const {
    const auto want = golden_.floats(name);
    const int64_t columns = golden_.info(name).shape[1];
    Scorer scorer(model, use);
    size_t seen = 0;
    for (const MicroBatch& b : pack(rows_of(base_file("forward_backward.safetensors"), "", true), 64)) {
      const auto scores = scorer.score(b);
      for (size_t i = 0; i < scores.size(); i++, seen++) {
        const double w = want[static_cast<size_t>(b.tokens[i].tag * columns + b.tokens[i].place - 1)];
        ASSERT_NEAR(scores[i].logp, w, 2e-4 * (1 + std::abs(w))) << name << " row " << b.tokens[i].tag;
      }
    }
    EXPECT_GT(seen, 100u);
  }

  std::string folder_;
  ModelFiles files_;
  Tensors golden_;
  std::string base_;
};

TEST_P(LoraGolden, LogProbsGradientsAndStepsArePeftsOwn) {
  for (const Compute& compute : {make_compute("f32"), Compute{Isa::scalar, DType::f32, false}}) {
    Transformer model = training_model(compute);
    expect_logprobs(model, AdapterUse::on, "logprobs");
    expect_logprobs(model, AdapterUse::off, "base_logprobs");
    Policy policy(model);
    const double loss = learn(policy, rows_of(base_file("forward_backward.safetensors"), "", false));
    EXPECT_NEAR(loss, golden_.floats("loss")[0], 1e-5 * loss);
    const std::vector<Parameter>& all = model.trained_layout().all();
    for (const Parameter& p : all) {
      const auto want = golden_.floats("grad." + p.name);
      EXPECT_LT(distance(policy.gradients() + p.offset, want), 2e-4 * norm(want) + 1e-7) << p.name;
    }
    std::fill_n(policy.gradients(), model.trained_layout().total(), 0.0f);

    const std::vector<float> start(model.trained(), model.trained() + model.trained_layout().total());
    const auto losses = golden_.floats("sft.loss"), norms = golden_.floats("sft.norm");
    const Tensors batches = base_file("sft.safetensors");
    for (size_t t = 0; t < losses.size(); t++) {
      EXPECT_NEAR(learn(policy, rows_of(batches, std::to_string(t) + ".", false)), losses[t], 2e-4 * losses[t]) << t;
      EXPECT_NEAR(policy.update({.learning_rate = 1e-3, .beta2 = 0.95, .weight_decay = 0.1}), norms[t],
                  1e-3 * norms[t]);
    }
    for (const Parameter& p : all) {
      const auto want = golden_.floats("final." + p.name);
      const std::vector<float> before(start.begin() + p.offset, start.begin() + p.offset + p.size);
      EXPECT_LT(distance(model.trained() + p.offset, want), 1e-2 * distance(before.data(), want) + 1e-5) << p.name;
    }
  }
}

TEST_P(LoraGolden, ForInferenceItIsAnAdapterOverPackedWeights) {
  const Transformer model = load_transformer(files_, make_compute("f32"), ModelUse::inference);
  ASSERT_NE(model.adapter_layout(), nullptr);
  expect_logprobs(model, AdapterUse::on, "logprobs");
}

TEST_P(LoraGolden, MergedWeightsArePeftsOwn) {
  const ModelConfig config = read_config(files_.config, files_.generation_config, files_.path);
  const ParameterLayout layout(config);
  const Tensor merged = load_parameters(layout, files_);
  int seen = 0;
  for (const TensorInfo& t : golden_.all()) {
    if (!t.name.starts_with("merged.")) continue;
    const auto want = golden_.floats(t.name);
    const Parameter& p = layout.all()[static_cast<size_t>(layout.find(t.name.substr(7)))];
    for (size_t i = 0; i < want.size(); i++)
      ASSERT_NEAR(merged.as<float>()[p.offset + static_cast<int64_t>(i)], want[i], 1e-6) << t.name;
    seen++;
  }
  EXPECT_EQ(seen, 3);
}

// What PEFT itself wrote, written again: the same numbers in the same names and shapes, the same values of every field
// that says what the adapter is.
TEST_P(LoraGolden, WrittenBackItIsTheSameFolder) {
  const std::string out = testing::TempDir() + "r1_peft_" + std::to_string(getpid());
  fs::create_directories(out);
  const ModelConfig config = read_config(files_.config, files_.generation_config, files_.path);
  const AdapterLayout layout(config, files_.adapter->config);
  const Tensor values = load_adapter(layout, files_);
  write_peft_folder(out, files_, files_.adapter->config, named_tensors(layout, values.as<float>()), DType::f32);
  const Tensors want(folder_ + "/adapter_model.safetensors"), got(out + "/adapter_model.safetensors");
  ASSERT_EQ(got.all().size(), want.all().size());
  for (const TensorInfo& t : want.all()) {
    EXPECT_EQ(got.info(t.name).shape, t.shape) << t.name;
    EXPECT_EQ(got.info(t.name).dtype, t.dtype) << t.name;
    EXPECT_EQ(got.floats(t.name), want.floats(t.name)) << t.name;
  }
  const Json a = Json::parse(read_text_file(folder_ + "/adapter_config.json")),
             b = Json::parse(read_text_file(out + "/adapter_config.json"));
  for (const auto& [key, value] : b.items())
    if (key != "base_model_name_or_path" && key != "target_modules") {
      ASSERT_TRUE(a.contains(key)) << key;
      EXPECT_EQ(a[key], value) << key;
    }
  EXPECT_EQ(b["target_modules"].size(), a["target_modules"].size());
  EXPECT_EQ(b["base_model_name_or_path"], fs::canonical(kGolden + "models/" + base_).string());
  EXPECT_EQ(open_model_files(out).adapter->config.modules, files_.adapter->config.modules);
  fs::remove_all(out);
}

INSTANTIATE_TEST_SUITE_P(Cases, LoraGolden, ::testing::Values("qwen2-all", "qwen3-some"), [](const auto& info) {
  std::string name = info.param;
  name[5] = '_';
  return name;
});

}  // namespace
}  // namespace r1
