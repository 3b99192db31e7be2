// The whole forward pass in plain double loops over one sequence: the truth for layers, model and sampler. With
// `rounded`, operands of products, queries, keys, values, gate and up are rounded to bf16 exactly where the model
// rounds them. Tests only.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/attention_ref.h"
#include "kernels/elementwise_ref.h"
#include "model/config.h"
#include "model/parameters.h"

namespace r1 {

class TransformerRef {
 public:
  TransformerRef(const ModelConfig& config, const float* parameters, bool rounded = false)
      : parameters(parameters, parameters + ParameterLayout(config).total()),
        c_(config),
        layout_(config),
        rope_(rope_frequencies(config.rope, config.head_size, config.max_positions)),
        rounded_(rounded) {}

  // The normalised hidden state of every position, (T, width).
  Doubles hidden(const std::vector<int32_t>& ids) const {
    Doubles x = embedding_ref(slice(layout_.embedding(), c_.vocabulary * c_.width), ids, static_cast<size_t>(c_.width));
    for (const ParameterLayout::Layer& at : layout_.layers()) layer(at, x);
    return rms_norm_ref(x, slice(layout_.final_norm(), c_.width), static_cast<double>(c_.norm_eps));
  }

  // Logits of every position, (T, vocabulary).
  Doubles logits(const std::vector<int32_t>& ids) const {
    return product(hidden(ids), layout_.head(), c_.vocabulary, c_.width);
  }

  // Of a reward model: the score at the last position.
  double score(const std::vector<int32_t>& ids) const {
    const Doubles h = round(hidden(ids));
    double sum = 0;
    for (size_t d = 0; d < static_cast<size_t>(c_.width); d++)
      sum += h[h.size() - static_cast<size_t>(c_.width) + d] * parameters[static_cast<size_t>(layout_.score()) + d];
    return sum;
  }

  Doubles parameters;  // in the layout's order; may be changed between calls

 private:
  Doubles slice(int64_t offset, int64_t size) const {
    return {parameters.begin() + offset, parameters.begin() + offset + size};
  }
  double round(double x) const { return rounded_ ? to_float(to_bf16(static_cast<float>(x))) : x; }
  Doubles round(Doubles x) const {
    for (double& v : x) v = round(v);
    return x;
  }

  // x (T, in) W^T, W (out, in) at `offset`.
  Doubles product(const Doubles& x_exact, int64_t offset, int64_t out, int64_t in) const {
    const Doubles x = round(x_exact), w = round(slice(offset, out * in));
    Doubles y;
    for (size_t t = 0; t < x.size(); t += static_cast<size_t>(in))
      for (size_t o = 0; o < w.size(); o += static_cast<size_t>(in)) {
        double sum = 0;
        for (size_t i = 0; i < static_cast<size_t>(in); i++) sum += x[t + i] * w[o + i];
        y.push_back(sum);
      }
    return y;
  }

  // Columns [first, first + count) of (T, width).
  static Doubles columns(const Doubles& x, int64_t width, int64_t first, int64_t count) {
    Doubles out;
    for (size_t t = 0; t < x.size(); t += static_cast<size_t>(width))
      out.insert(out.end(), x.begin() + static_cast<std::ptrdiff_t>(t) + first,
                 x.begin() + static_cast<std::ptrdiff_t>(t) + first + count);
    return out;
  }

  Doubles attention(const ParameterLayout::Layer& at, const Doubles& normed) const {
    const int64_t Q = c_.q_cols(), K = c_.kv_cols(), all = c_.qkv_cols();
    Doubles qkv = product(normed, at.qkv, all, c_.width);
    if (c_.qkv_bias)
      for (size_t i = 0; i < qkv.size(); i++)
        qkv[i] += parameters[static_cast<size_t>(at.qkv_bias) + i % static_cast<size_t>(all)];
    Doubles q = columns(qkv, all, 0, Q), k = columns(qkv, all, Q, K), v = columns(qkv, all, Q + K, K);
    if (c_.qk_norm) {
      q = rms_norm_ref(q, slice(at.q_norm, c_.head_size), static_cast<double>(c_.norm_eps));
      k = rms_norm_ref(k, slice(at.k_norm, c_.head_size), static_cast<double>(c_.norm_eps));
    }
    const int64_t rows = static_cast<int64_t>(q.size()) / Q;
    std::vector<int32_t> positions;
    for (int64_t t = 0; t < rows; t++) positions.push_back(static_cast<int32_t>(t));
    q = round(rope_ref(q, c_.heads, rope_.inverse, rope_.attention_factor, positions, 1));
    k = round(rope_ref(k, c_.kv_heads, rope_.inverse, rope_.attention_factor, positions, 1));
    v = round(v);
    Doubles out(q.size());
    attention_forward_ref<double>({{0, rows, 0, -1}}, {c_.heads, c_.kv_heads, c_.head_size},
                                  1 / std::sqrt(static_cast<double>(c_.head_size)), q.data(), k.data(), v.data(),
                                  out.data());
    return out;
  }

  void layer(const ParameterLayout::Layer& at, Doubles& x) const {
    const double eps = static_cast<double>(c_.norm_eps);
    const Doubles attended = attention(at, rms_norm_ref(x, slice(at.attention_norm, c_.width), eps));
    const Doubles a = product(attended, at.o, c_.width, c_.q_cols());
    for (size_t i = 0; i < x.size(); i++) x[i] += a[i];
    const Doubles normed = rms_norm_ref(x, slice(at.mlp_norm, c_.width), eps);
    const Doubles gate_up = round(product(normed, at.gate_up, 2 * c_.inner, c_.width));
    const Doubles m = product(swiglu_ref(gate_up, static_cast<size_t>(c_.inner)), at.down, c_.width, c_.inner);
    for (size_t i = 0; i < x.size(); i++) x[i] += m[i];
  }

  ModelConfig c_;
  ParameterLayout layout_;
  RopeFrequencies rope_;
  bool rounded_;
};

}  // namespace r1
