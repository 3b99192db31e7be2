#include "model/floors.h"

#include <algorithm>

#include "kernels/head.h"
#include "model/parameters.h"

namespace r1 {
namespace {

double real(int64_t n) { return static_cast<double>(n); }

// A sequence that is being decoded: which group's, and how many tokens it has and will have.
struct Decoded {
  size_t group;
  int64_t tokens, end;
};

}  // namespace

Work make_work(const UniformWork& u) {
  const GroupWork group{.prompt = u.prompt,
                        .completions = std::vector<int64_t>(static_cast<size_t>(u.samples), u.completion)};
  return Work(static_cast<size_t>(u.prompts), group);
}

int64_t completion_tokens(const Work& work) {
  int64_t n = 0;
  for (const GroupWork& g : work)
    for (int64_t c : g.completions) n += c;
  return n;
}

int64_t prompt_tokens(const Work& work) {
  int64_t n = 0;
  for (const GroupWork& g : work) n += g.prompt;
  return n;
}

Floors::Floors(const ModelConfig& c, const Machine& machine, DType operand)
    : body_(real(c.layers) * real(c.width) * (real(c.qkv_cols()) + real(c.q_cols()) + 3 * real(c.inner))),
      head_(real(c.vocabulary) * real(c.width)),
      parameters_(real(ParameterLayout(c).total())),
      attention_(2 * real(c.layers) * real(c.q_cols())),
      key_bytes_(2 * real(c.layers) * real(c.kv_cols()) * real(static_cast<int64_t>(dtype_size(operand)))),
      weight_bytes_(real(static_cast<int64_t>(dtype_size(operand)))),
      flops_(machine.flops(operand)),
      read_bytes_(machine.read_bytes_per_s) {}

double Floors::prefill(const Work& work) const {
  double flops = 0;
  for (const GroupWork& g : work) {
    const double p = real(g.prompt);
    flops += 2 * body_ * p + attention_ * p * p + 2 * head_;
  }
  return flops / flops_;
}

double Floors::decode(const Work& work, int64_t together) const {
  std::vector<Decoded> waiting, active;
  std::vector<int64_t> live(work.size(), 0);  // sequences of a group in flight
  for (size_t g = 0; g < work.size(); g++)
    for (int64_t c : work[g].completions)
      if (c > 1) waiting.push_back({g, 1, c});
  std::reverse(waiting.begin(), waiting.end());
  double seconds = 0;
  while (!waiting.empty() || !active.empty()) {
    while (!waiting.empty() && static_cast<int64_t>(active.size()) < together) {
      active.push_back(waiting.back());
      live[waiting.back().group]++;
      waiting.pop_back();
    }
    double context = 0, keys = 0;  // positions attended to; positions read, a shared prompt's once
    for (Decoded& s : active) {
      context += real(work[s.group].prompt + s.tokens);
      keys += real(s.tokens++);
    }
    for (size_t g = 0; g < work.size(); g++)
      if (live[g] > 0) keys += real(work[g].prompt);
    const double flops = real(static_cast<int64_t>(active.size())) * 2 * (body_ + head_) + 2 * attention_ * context;
    seconds += std::max(flops / flops_, (weight_bytes_ * (body_ + head_) + key_bytes_ * keys) / read_bytes_);
    std::erase_if(active, [&](const Decoded& s) { return s.tokens == s.end && (live[s.group]--, true); });
  }
  return seconds;
}

double Floors::attention_flops(const Work& work) const {
  double flops = 0;
  for (const GroupWork& g : work) {
    const double p = real(g.prompt);
    flops += p * p;
    for (int64_t c : g.completions) flops += 2 * p * real(c) + real(c) * real(c);
  }
  return attention_ * flops;
}

double Floors::matmul_flops(const Work& work) const {
  double flops = 0;
  for (const GroupWork& g : work) {
    double completions = 0;
    for (int64_t c : g.completions) completions += real(c);
    flops += 2 * body_ * (real(g.prompt) + completions) + 2 * head_ * (g.scored < 0 ? completions : real(g.scored));
  }
  return flops;
}

double Floors::forward(const Work& w) const { return (matmul_flops(w) + attention_flops(w)) / flops_; }

// Two products a weight; flash attention computes its scores again: five products against the forward's two.
double Floors::backward(const Work& w) const { return (2 * matmul_flops(w) + 2.5 * attention_flops(w)) / flops_; }

double Floors::optimizer(double state_bytes, bool with_copies) const {
  return parameters_ * (state_bytes + (with_copies ? weight_bytes_ : 0)) / read_bytes_;
}

std::vector<ProductShape> product_shapes(const ModelConfig& c) {
  return {{"qkv", c.qkv_cols(), c.width},
          {"o", c.width, c.q_cols()},
          {"gate_up", 2 * c.inner, c.width},
          {"down", c.width, c.inner},
          {"head tile", std::min(kHeadTile, c.vocabulary), c.width}};
}

}  // namespace r1
