#include "kernels/adamw.h"

#include <gtest/gtest.h>

#include "base/threads.h"
#include "kernels/elementwise_ref.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

// Thirty steps of PyTorch's formula in double beside ours in float, with clipping, decay and a rate that changes.
TEST(Adamw, FollowsPyTorchsFormula) {
  for (const Compute& c : own_computes())
    for (int64_t n : {1, 15, 16, 1000}) {
      auto p = test_normals(n, 1);
      std::vector<float> m(p.size()), v(p.size());
      std::vector<double> rp(p.begin(), p.end()), rm(p.size()), rv(p.size());
      for (int64_t t = 1; t <= 30; t++) {
        auto g = test_normals(n, static_cast<uint32_t>(10 + t), 0.01);
        const double lr = 1e-3 * static_cast<double>(t), scale = t % 3 == 0 ? 0.25 : 1.0;
        const AdamwRef ref{lr, 0.9, 0.999, 1e-8, 0.1};
        for (size_t i = 0; i < p.size(); i++) ref.step(rp[i], scale * static_cast<double>(g[i]), rm[i], rv[i], t);
        adamw_update(c, p.data(), g.data(), m.data(), v.data(), n,
                     {.lr = lr, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0.1, .grad_scale = scale, .step = t});
        for (float x : g) ASSERT_EQ(x, 0.0f);
      }
      for (size_t i = 0; i < p.size(); i++) {
        ASSERT_NEAR(p[i], rp[i], 3e-6 * (1 + std::abs(rp[i]))) << compute_name(c) << " " << i;
        ASSERT_NEAR(m[i], rm[i], 1e-6 * std::abs(rm[i]) + 1e-9);
        ASSERT_NEAR(v[i], rv[i], 5e-6 * std::abs(rv[i]) + 1e-12);
      }
    }
}

// The first step moves every weight by lr whatever the gradient's size: both corrections cancel.
TEST(Adamw, FirstStepIsTheRate) {
  for (const Compute& c : own_computes())
    for (float gradient : {1e-3f, 1.0f, -250.0f}) {
      float p = 0, g = gradient, m = 0, v = 0;
      adamw_update(c, &p, &g, &m, &v, 1, {.lr = 1e-2, .step = 1});
      EXPECT_NEAR(p, gradient > 0 ? -1e-2 : 1e-2, 1e-6) << compute_name(c);
    }
}

TEST(Adamw, BitsDoNotDependOnThreads) {
  const int before = thread_count();
  const Compute c{detect_isa(), DType::f32, false};
  const int64_t n = 200001;
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    auto p = test_normals(n, 1), g = test_normals(n, 2), m = test_normals(n, 3, 0.1);
    std::vector<float> v(p.size(), 0.01f);
    adamw_update(c, p.data(), g.data(), m.data(), v.data(), n, {.lr = 1e-3, .weight_decay = 0.01, .step = 5});
    results.push_back(p);
  }
  set_thread_count(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

}  // namespace
}  // namespace r1
