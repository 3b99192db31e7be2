// The head of a reward model: s = w . h, h the normalised hidden state of a text's last token (transformers'
// *ForSequenceClassification with one label and no bias).
#pragma once

#include <span>
#include <vector>

#include "formats/model_files.h"
#include "kernels/matmul.h"
#include "model/config.h"
#include "model/parameters.h"

namespace r1 {

// A score a row of h (N, D); w (D).
std::vector<float> scalar_scores(Operand h, const float* w);

// Gradient of sum_n dscore_n s_n: dh (N, D) is overwritten, dw (D) added to.
void scalar_backward(Operand h, const float* w, std::span<const float> dscore, TensorView<float> dh, float* dw);

// Weights for training a reward model: those of the files; where they hold a language model, its own with a head drawn
// by the seed (normal, deviation 0.02 as transformers' initializer_range). `config` has a scalar head.
Tensor load_scalar_model(const ParameterLayout& layout, const ModelConfig& config, const ModelFiles& files,
                         uint64_t seed);

// What config.json says of a model that has become a reward model: architecture and label.
void describe_scalar_model(ModelFiles& files);

}  // namespace r1
