#include "model/scalar_head.h"

#include <algorithm>

#include "base/error.h"
#include "base/philox.h"
#include "tensor/tensor.h"

namespace r1 {
namespace {

float value_at(const Operand& h, int64_t i) {
  return h.dtype == DType::bf16 ? to_float(static_cast<const bf16*>(h.data)[i]) : static_cast<const float*>(h.data)[i];
}

}  // namespace

std::vector<float> scalar_scores(Operand h, const float* w) {
  std::vector<float> out;
  for (int64_t n = 0; n < h.rows; n++) {
    double sum = 0;
    for (int64_t d = 0; d < h.cols; d++) sum += static_cast<double>(value_at(h, n * h.cols + d)) * w[d];
    out.push_back(static_cast<float>(sum));
  }
  return out;
}

void scalar_backward(Operand h, const float* w, std::span<const float> dscore, TensorView<float> dh, float* dw) {
  R1_CHECK(static_cast<int64_t>(dscore.size()) == h.rows && dh.rows == h.rows && dh.cols == h.cols);
  for (int64_t n = 0; n < h.rows; n++) {
    const float d_n = dscore[static_cast<size_t>(n)];
    for (int64_t d = 0; d < h.cols; d++) {
      dh.data[n * h.cols + d] = d_n * w[d];
      dw[d] += d_n * value_at(h, n * h.cols + d);
    }
  }
}

Tensor load_scalar_model(const ParameterLayout& layout, const ModelConfig& config, const ModelFiles& files,
                         uint64_t seed) {
  if (!files.tensors) fail("{}: holds no weights", files.path);
  if (files.tensors->find("score.weight") >= 0) return load_parameters(layout, files);
  ModelConfig below = config;
  below.scalar_head = false;  // still without a language-model head: the same parameters, but for the last one
  const ParameterLayout below_layout(below);
  const Tensor from = load_parameters(below_layout, files);
  Tensor out(DType::f32, 1, layout.total());
  R1_CHECK(layout.score() == below_layout.total());
  std::copy_n(from.as<float>(), below_layout.total(), out.as<float>());
  for (int64_t d = 0; d < config.width; d++)
    out.as<float>()[layout.score() + d] = static_cast<float>(
        0.02 * random_normal({.seed = seed, .stage = Stage::init, .sample = 1, .token = static_cast<uint32_t>(d)}));
  return out;
}

void describe_scalar_model(ModelFiles& files) {
  auto& config = files.config;
  std::string name = config.contains("architectures") && config["architectures"].is_array() &&
                             !config["architectures"].empty() && config["architectures"][0].is_string()
                         ? config["architectures"][0].get<std::string>()
                         : std::string();
  if (name.ends_with("ForSequenceClassification")) return;
  const size_t suffix = name.rfind("ForCausalLM");
  if (suffix == std::string::npos || suffix + 11 != name.size())
    fail("{}: config.json: architectures has \"{}\"; expected a ...ForCausalLM to make a reward model of", files.path,
         name);
  config["architectures"] = {name.substr(0, suffix) + "ForSequenceClassification"};
  config["id2label"] = {{"0", "LABEL_0"}};
  config["label2id"] = {{"LABEL_0", 0}};
}

}  // namespace r1
