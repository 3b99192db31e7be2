// What head.cc hands to the per-instruction-set code: one row of one tile at a time.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace r1 {

// Running log-softmax over the tiles seen so far.
struct HeadState {
  float top = -1e30f;  // maximum logit
  float sum = 0;       // sum exp(l - top)
  float weighted = 0;  // sum exp(l - top) l
};

// Running draw at one temperature: after each tile, `choice` is distributed as softmax over all entries seen so far.
struct DrawState {
  float inverse_temperature = 1;
  float top = -1e30f, sum = 0;  // as HeadState, of l * inverse_temperature
  int32_t choice = -1;
  float choice_logit = 0;
};

struct GradientRow {
  float dlogp, dentropy, lse, entropy;
  int64_t target;  // index inside the tile, or outside [0, n)
};

#define R1_DECLARE_HEAD(ns)                                                                                \
  namespace ns {                                                                                           \
  void head_update(const float* logits, int64_t n, HeadState& state);                                      \
  void head_draw(const float* logits, int64_t n, int32_t first_id, double uniform, DrawState& state);      \
  void head_argmax(const float* logits, int64_t n, int32_t first_id, DrawState& state);                    \
  void head_gradient(const float* logits, int64_t n, const GradientRow& row, void* out, bool out_is_bf16); \
  }
R1_DECLARE_HEAD(scalar)
R1_DECLARE_HEAD(avx2)
R1_DECLARE_HEAD(avx512)
R1_DECLARE_HEAD(avx512bf16)
#undef R1_DECLARE_HEAD

}  // namespace r1
