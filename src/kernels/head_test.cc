#include "kernels/head.h"

#include <gtest/gtest.h>

#include "kernels/head_problem.h"

namespace r1 {
namespace {

TEST(LmHeadRef, GradientAgreesWithDifferences) {
  std::vector<double> l;
  for (float x : test_normals(23, 1, 2)) l.push_back(x);
  for (size_t target : {size_t{0}, size_t{11}, size_t{22}}) {
    const auto g = head_gradient_ref(l, target, 0.7, -0.4);
    for (size_t j = 0; j < l.size(); j++)
      EXPECT_NEAR(g[j], central_difference(l, j, [&] { return head_value_ref(l, target, 0.7, -0.4); }), 1e-9);
  }
}

TEST(LmHead, ScoresAgreeWithReference) {
  for (const Compute& c : all_computes())
    for (int64_t vocabulary : {1, 7, 331, 2048, 4099}) {
      const HeadProblem p(c, 5, vocabulary, 17);
      LmHead head(c, vocabulary, 17, false);
      head.pack(p.w.data());
      std::vector<HeadScore> scores(5);
      head.score(p.h.operand, p.targets.data(), scores.data());
      for (size_t r = 0; r < 5; r++) {
        const auto logp = log_softmax_ref(p.logits(static_cast<int64_t>(r)));
        EXPECT_NEAR(scores[r].logp, logp[static_cast<size_t>(p.targets[r])], 3e-5) << compute_name(c);
        EXPECT_NEAR(scores[r].entropy, entropy_ref(logp), 3e-5) << compute_name(c);
        const auto best = std::max_element(logp.begin(), logp.end()) - logp.begin();
        EXPECT_EQ(scores[r].top, best == p.targets[r]) << compute_name(c);
        const auto greedy = static_cast<int32_t>(best);
        HeadScore of_best;
        head.score({p.h.operand.row(static_cast<int64_t>(r)), c.operand, 1, 17}, &greedy, &of_best);
        EXPECT_TRUE(of_best.top) << compute_name(c);
      }
    }
}

TEST(LmHead, LogitsAgreeWithReference) {
  for (const Compute& c : all_computes()) {
    const HeadProblem p(c, 3, 2100, 17);
    LmHead head(c, 2100, 17, false);
    head.pack(p.w.data());
    std::vector<float> got(3 * 2100);
    head.logits(p.h.operand, {got.data(), 3, 2100});
    for (int64_t r = 0; r < 3; r++) {
      const auto want = p.logits(r);
      for (size_t v = 0; v < want.size(); v++)
        ASSERT_NEAR(got[static_cast<size_t>(r) * 2100 + v], want[v], 1e-5) << compute_name(c);
    }
  }
}

// Several slices of rows, several tiles, an entropy term, and a dw that is added to.
TEST(LmHead, BackwardAgreesWithReference) {
  for (const Compute& c : all_computes())
    for (int64_t rows : {3, 515, 70}) {
      const int64_t vocabulary = rows == 3 ? 2051 : rows == 70 ? 131'100 : 37;
      const HeadProblem p(c, rows, vocabulary, 9);
      const auto dlogp = test_normals(rows, 5), dentropy = test_normals(rows, 6, 0.3);
      LmHead head(c, vocabulary, 9, true);
      head.pack(p.w.data());
      std::vector<HeadScore> scores(static_cast<size_t>(rows));
      head.score(p.h.operand, p.targets.data(), scores.data());
      Tensor dh(DType::f32, bucket_rows(rows), 9);
      std::vector<float> dw(p.w.size(), 0.5f);
      head.backward(p.h.operand, p.targets.data(), scores.data(), {dlogp.data(), dentropy.data()},
                    {dh.as<float>(), rows, 9}, dw.data());
      std::vector<double> want_dw(p.w.size(), 0.5), want_dh;
      for (int64_t r = 0; r < rows; r++) {
        const size_t at = static_cast<size_t>(r);
        const auto g = head_gradient_ref(p.logits(r), static_cast<size_t>(p.targets[at]), dlogp[at], dentropy[at]);
        const auto h = p.row(r);
        for (size_t i = 0; i < 9; i++) {
          double sum = 0;
          for (size_t v = 0; v < g.size(); v++) {
            sum += g[v] * p.w[v * 9 + i];
            want_dw[v * 9 + i] += g[v] * h[i];
          }
          want_dh.push_back(sum);
        }
      }
      // dlogits are an operand: in bf16 each is off by up to 2^-9 of itself
      const double bound = c.operand == DType::bf16 ? 4e-3 : 2e-5;
      EXPECT_LT(relative_gap(std::vector<float>(dh.as<float>(), dh.as<float>() + rows * 9), want_dh), bound)
          << compute_name(c) << " " << rows;
      EXPECT_LT(relative_gap(dw, want_dw), bound) << compute_name(c) << " " << rows;

      // both at once, in slices of rows: the same
      std::vector<HeadScore> learned(scores.size());
      std::vector<float> dw_learned(p.w.size(), 0.5f);
      Tensor dh_learned(DType::f32, bucket_rows(rows), 9);
      head.learn(p.h.operand, p.targets.data(), {dlogp.data(), dentropy.data()}, learned.data(),
                 {dh_learned.as<float>(), rows, 9}, dw_learned.data());
      for (size_t r = 0; r < scores.size(); r++) {
        ASSERT_EQ(learned[r].logp, scores[r].logp) << compute_name(c) << " " << rows;
        ASSERT_EQ(learned[r].entropy, scores[r].entropy) << compute_name(c) << " " << rows;
      }
      EXPECT_EQ(0, std::memcmp(dh_learned.raw(), dh.raw(), static_cast<size_t>(rows * 9) * 4)) << compute_name(c);
      EXPECT_LT(relative_gap(dw_learned, want_dw), bound) << compute_name(c) << " " << rows;
    }
}

TEST(LmHead, RowsDoNotDependOnCompany) {
  for (const Compute& c : all_computes()) {
    const HeadProblem p(c, 530, 4099, 33);
    LmHead head(c, 4099, 33, false);
    head.pack(p.w.data());
    std::vector<HeadScore> scores(530);
    head.score(p.h.operand, p.targets.data(), scores.data());
    for (int64_t r : {0, 17, 511, 512, 529}) {
      HeadScore alone;
      head.score({p.h.operand.row(r), c.operand, 1, 33}, &p.targets[static_cast<size_t>(r)], &alone);
      EXPECT_EQ(alone.logp, scores[static_cast<size_t>(r)].logp) << compute_name(c);
      EXPECT_EQ(alone.entropy, scores[static_cast<size_t>(r)].entropy) << compute_name(c);
    }
  }
}

TEST(LmHead, ABrokenLogitMakesABrokenScore) {
  for (const Compute& c : own_computes())
    for (size_t bad : {size_t{0}, size_t{20}, size_t{2070}}) {
      HeadProblem p(c, 1, 2100, 5);
      p.w[bad * 5] = NAN;
      LmHead head(c, 2100, 5, false);
      head.pack(p.w.data());
      const int32_t target = 1;
      HeadScore score;
      head.score(p.h.operand, &target, &score);
      EXPECT_TRUE(std::isnan(score.logp)) << compute_name(c) << " " << bad;
    }
}

}  // namespace
}  // namespace r1
