// AdamW (Loshchilov & Hutter 2019), one pass over a block, as PyTorch computes it.
#pragma once

#include "kernels/compute.h"

namespace r1 {

struct AdamwStep {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  double grad_scale = 1;  // the clip factor
  int64_t step = 1;       // 1-based
};

// p, m, v (n) are updated, g is read and zeroed.
void adamw_update(const Compute& compute, float* p, float* g, float* m, float* v, int64_t n, const AdamwStep& step);

}  // namespace r1
