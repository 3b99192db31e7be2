#include "train/optimizer.h"

#include <cstring>

#include "base/error.h"
#include "base/threads.h"

namespace r1 {
namespace {

DType narrow_type(Optim optim) { return optim == Optim::adamw_bf16 ? DType::bf16 : DType::s8; }

int64_t blocks_of(int64_t n) { return (n + kQuantBlock - 1) / kQuantBlock; }

struct Sizes {
  int64_t wide = 0, narrow = 0;  // elements of one moment
};

// Adds a parameter; says where its first element lies.
int64_t add(Sizes& sizes, Optim optim, const Parameter& p) {
  if (optim == Optim::adamw || !p.is_matrix()) return (sizes.wide += p.size) - p.size;
  const int64_t room = blocks_of(p.size) * kQuantBlock;
  return (sizes.narrow += room) - room;
}

}  // namespace

Optim parse_optim(const std::string& name) {
  if (name == "adamw" || name == "adamw_torch" || name == "adamw_torch_fused") return Optim::adamw;
  if (name == "adamw_bf16") return Optim::adamw_bf16;
  if (name == "adamw_8bit" || name == "adamw_bnb_8bit") return Optim::adamw_8bit;
  fail_usage("optim={}: expected adamw, adamw_bf16 or adamw_8bit", name);
}

size_t optimizer_bytes(Optim optim, const std::vector<Parameter>& parameters) {
  Sizes sizes;
  for (const Parameter& p : parameters) add(sizes, optim, p);
  const size_t wide = static_cast<size_t>(sizes.wide), narrow = static_cast<size_t>(sizes.narrow);
  const size_t scales = optim == Optim::adamw_8bit ? narrow / kQuantBlock * sizeof(float) : 0;
  return 2 * (wide * sizeof(float) + narrow * dtype_size(narrow_type(optim)) + scales);
}

void round_weights(Optim optim, const std::vector<Parameter>& parameters, float* block) {
  if (optim != Optim::adamw_bf16) return;
  for (const Parameter& p : parameters) {
    if (!p.is_matrix()) continue;
    parallel_chunks(p.size, 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = p.offset + begin; i < p.offset + end; i++) block[i] = to_float(to_bf16(block[i]));
    });
  }
}

OptimizerState::OptimizerState(Optim optim, const std::vector<Parameter>& parameters)
    : optim_(optim), parameters_(parameters) {
  Sizes sizes;
  for (const Parameter& p : parameters_) {
    const int64_t at = add(sizes, optim, p);
    places_.push_back({optim != Optim::adamw && p.is_matrix(), at});
  }
  wide_m_ = Tensor(DType::f32, 1, sizes.wide);
  wide_v_ = Tensor(DType::f32, 1, sizes.wide);
  narrow_m_ = Tensor(narrow_type(optim), 1, sizes.narrow);
  narrow_v_ = Tensor(narrow_type(optim), 1, sizes.narrow);
  if (optim != Optim::adamw_8bit) return;
  scale_m_ = Tensor(DType::f32, 1, sizes.narrow / kQuantBlock);
  scale_v_ = Tensor(DType::f32, 1, sizes.narrow / kQuantBlock);
}

size_t OptimizerState::bytes() const {
  size_t total = 0;
  for (const Tensor* t : {&wide_m_, &wide_v_, &narrow_m_, &narrow_v_, &scale_m_, &scale_v_}) total += t->bytes();
  return total;
}

void OptimizerState::clear() {
  for (Tensor* t : {&wide_m_, &wide_v_, &narrow_m_, &narrow_v_, &scale_m_, &scale_v_})
    if (t->bytes() > 0) std::memset(t->raw(), 0, t->bytes());
}

float* OptimizerState::first_moment() {
  R1_CHECK(optim_ == Optim::adamw);
  return wide_m_.as<float>();
}
float* OptimizerState::second_moment() {
  R1_CHECK(optim_ == Optim::adamw);
  return wide_v_.as<float>();
}

QuantisedMoments OptimizerState::codes_at(int64_t at) {
  const int64_t block = at / kQuantBlock;
  return {narrow_m_.as<uint8_t>() + at, narrow_v_.as<uint8_t>() + at, scale_m_.as<float>() + block,
          scale_v_.as<float>() + block};
}

void OptimizerState::update(const Compute& compute, float* weights, float* gradients, const Range& r,
                            const AdamwStep& step, uint64_t seed) {
  const Parameter& p = parameters_[r.index];
  const int64_t first = r.begin - p.offset, n = r.end - r.begin, at = places_[r.index].at + first;
  R1_CHECK(first >= 0 && n > 0 && r.end <= p.offset + p.size, "[{}, {}) of {}", r.begin, r.end, p.name);
  float *w = weights + r.begin, *g = gradients + r.begin;
  if (!places_[r.index].narrow)
    return adamw_update(compute, w, g, wide_m_.as<float>() + at, wide_v_.as<float>() + at, n, step);
  R1_CHECK(first % kQuantBlock == 0 && (n % kQuantBlock == 0 || r.end == p.offset + p.size), "[{}, {}) of {}", r.begin,
           r.end, p.name);
  if (optim_ == Optim::adamw_8bit) return adamw_8bit_update(compute, w, g, codes_at(at), n, step);
  adamw_bf16_update(compute, w, g, narrow_m_.as<bf16>() + at, narrow_v_.as<bf16>() + at, n, step,
                    {.seed = seed, .parameter = static_cast<uint32_t>(r.index), .first = first});
}

std::vector<StoredTensor> OptimizerState::tensors() const {
  std::vector<StoredTensor> out;
  for (size_t i = 0; i < places_.size(); i++) {
    const Parameter& p = parameters_[i];
    const int64_t at = places_[i].at;
    const auto push = [&](const char* prefix, const Tensor& t, int64_t from, const std::vector<int64_t>& shape) {
      const char* data = static_cast<const char*>(t.raw()) + static_cast<size_t>(from) * dtype_size(t.dtype());
      out.push_back({prefix + p.name, shape, t.dtype(), data});
    };
    push("exp_avg.", places_[i].narrow ? narrow_m_ : wide_m_, at, p.shape);
    push("exp_avg_sq.", places_[i].narrow ? narrow_v_ : wide_v_, at, p.shape);
    if (optim_ != Optim::adamw_8bit || !places_[i].narrow) continue;
    push("exp_avg_scale.", scale_m_, at / kQuantBlock, {blocks_of(p.size)});
    push("exp_avg_sq_scale.", scale_v_, at / kQuantBlock, {blocks_of(p.size)});
  }
  return out;
}

}  // namespace r1
