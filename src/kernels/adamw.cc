#include "kernels/adamw.h"

#include <cmath>

#include "base/threads.h"
#include "kernels/elementwise_rows.h"

namespace r1 {

void adamw_update(const Compute& compute, float* p, float* g, float* m, float* v, int64_t n, const AdamwStep& s) {
  const double bias1 = 1.0 - std::pow(s.beta1, static_cast<double>(s.step));
  const double bias2 = 1.0 - std::pow(s.beta2, static_cast<double>(s.step));
  const AdamwConstants c{.beta1 = static_cast<float>(s.beta1),
                         .rest1 = static_cast<float>(1 - s.beta1),
                         .beta2 = static_cast<float>(s.beta2),
                         .rest2 = static_cast<float>(1 - s.beta2),
                         .eps = static_cast<float>(s.eps),
                         .grad_scale = static_cast<float>(s.grad_scale),
                         .sqrt_bias2 = static_cast<float>(std::sqrt(bias2)),
                         .shrink = static_cast<float>(1 - s.lr * s.weight_decay),
                         .rate = static_cast<float>(s.lr / bias1)};
  parallel_chunks(n, 1 << 16, [&](int64_t begin, int64_t end) {
    R1_DISPATCH(compute.isa, adamw_range, p + begin, g + begin, m + begin, v + begin, end - begin, c);
  });
}

}  // namespace r1
