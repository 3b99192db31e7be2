// AdamW (Loshchilov & Hutter 2019), one pass over a block, as PyTorch computes it; and two forms that keep less: bf16
// weights and moments with stochastic rounding, and moments in eight bits.
#pragma once

#include "kernels/compute.h"

namespace r1 {

// What the weights and the two moments of a matrix are kept in. Norms and biases are float32 in all of them.
enum class Optim {
  adamw,       // float32 throughout
  adamw_bf16,  // weights and moments bf16, no master copy
  adamw_8bit,  // float32 weights, moments in blocks of eight-bit codes
};

struct AdamwStep {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  double grad_scale = 1;  // the clip factor
  int64_t step = 1;       // 1-based
};

// p, m, v (n) are updated, g is read and zeroed.
void adamw_update(const Compute& compute, float* p, float* g, float* m, float* v, int64_t n, const AdamwStep& step);

// Elements whose random words come from one evaluation of Philox in every lane: ranges begin at multiples of it.
constexpr int64_t kRoundingBlock = 32;

// Where the random bits of a range of one parameter are taken from: with the step they fix every rounding, whatever the
// threads or the point of resumption.
struct RoundingPlace {
  uint64_t seed = 0;
  uint32_t parameter = 0;  // its number in the model
  int64_t first = 0;       // of the range inside the parameter, a multiple of kRoundingBlock
};

// The same on bf16 weights: p holds numbers that bf16 can hold, before and after. All three are rounded up or down by
// chance so that the expected result is the exact one (Gupta et al. 2015): to the nearest, a step below half of bf16's
// spacing (2^-9 of the weight) would never be taken, and v, which moves by 1 - beta2 of itself, would never fall.
void adamw_bf16_update(const Compute& compute, float* p, float* g, bf16* m, bf16* v, int64_t n, const AdamwStep& step,
                       const RoundingPlace& place);

// Elements that share one scale in the eight-bit form: ranges begin at multiples of it inside their parameter.
constexpr int64_t kQuantBlock = 256;

// Moments as codes: element i is map[code[i]] * scale[i / kQuantBlock].
struct QuantisedMoments {
  uint8_t *m, *v;            // (n)
  float *m_scale, *v_scale;  // (ceil(n / kQuantBlock)), the largest magnitude of each block
};

// The same with moments in eight bits (Dettmers et al. 2022, arXiv 2110.02861: block-wise dynamic quantisation; blocks
// of 256 as its authors' library has them now). The weights are updated from the unrounded moments. One thing is ours:
// a second moment above 0 never becomes code 0, or the next step of that weight would be divided by eps alone.
void adamw_8bit_update(const Compute& compute, float* p, float* g, const QuantisedMoments& moments, int64_t n,
                       const AdamwStep& step);

// What a code stands for, in [-1, 1] (signed, for m) or [0, 1] (for v): a code's leading zeros are the decade, the bits
// behind its first one cut that decade into equal parts, whose middles are the values; two codes left over are 0 and 1.
float dynamic_map_value(uint8_t code, bool is_signed);

}  // namespace r1
