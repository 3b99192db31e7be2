#include "bench/floors.h"

#include <algorithm>

#include "model/parameters.h"

namespace r1::bench {
namespace {
double real(int64_t n) { return static_cast<double>(n); }
}  // namespace

Floors::Floors(const ModelConfig& c, const Machine& machine, DType operand)
    : body_(real(c.layers) * real(c.width) * (real(c.qkv_cols()) + real(c.q_cols()) + 3 * real(c.inner))),
      head_(real(c.vocabulary) * real(c.width)),
      parameters_(real(ParameterLayout(c).total())),
      attention_(2 * real(c.layers) * real(c.q_cols())),
      key_bytes_(2 * real(c.layers) * real(c.kv_cols()) * real(static_cast<int64_t>(dtype_size(operand)))),
      weight_bytes_(real(static_cast<int64_t>(dtype_size(operand)))),
      flops_(machine.flops(operand)),
      read_bytes_(machine.read_bytes_per_s) {}

double Floors::prefill(const Work& w) const {
  const double p = real(w.prompt);
  return real(w.prompts) * (2 * body_ * p + attention_ * p * p + 2 * head_) / flops_;
}

double Floors::decode(const Work& w) const {
  const double sequences = real(w.sequences()), weights = body_ + head_;
  double seconds = 0;
  for (int64_t t = 1; t < w.completion; t++) {
    const double context = real(w.prompt + t);
    const double flops = sequences * (2 * weights + 2 * attention_ * context);
    const double bytes = weight_bytes_ * weights + key_bytes_ * (real(w.prompt_tokens()) + sequences * real(t));
    seconds += std::max(flops / flops_, bytes / read_bytes_);
  }
  return seconds;
}

double Floors::attention_flops(const Work& w) const {
  const double p = real(w.prompt), c = real(w.completion);
  return attention_ * (real(w.prompts) * p * p + real(w.sequences()) * (2 * p * c + c * c));
}

double Floors::matmul_flops(const Work& w) const {
  const double completion = real(w.completion_tokens());
  return 2 * body_ * (real(w.prompt_tokens()) + completion) + 2 * head_ * completion;
}

double Floors::train_forward(const Work& w) const { return (matmul_flops(w) + attention_flops(w)) / flops_; }

// Two products a weight; flash attention computes its scores again: five products against the forward's two.
double Floors::train_backward(const Work& w) const { return (2 * matmul_flops(w) + 2.5 * attention_flops(w)) / flops_; }

double Floors::optimiser() const { return parameters_ * (28 + weight_bytes_) / read_bytes_; }

}  // namespace r1::bench
