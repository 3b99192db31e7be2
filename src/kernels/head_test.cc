#include "kernels/head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "base/threads.h"

namespace r1 {
namespace {

std::vector<float> normals(int64_t n, uint32_t sample, float scale) {
  std::vector<float> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; i++)
    x[static_cast<size_t>(i)] =
        scale * static_cast<float>(random_normal({.seed = 5,
                                                  .step = static_cast<uint32_t>(i >> 20),
                                                  .sample = sample,
                                                  .token = static_cast<uint32_t>(i & 0xfffff)}));
  return x;
}

std::vector<Compute> all_computes() {
  std::vector<Compute> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= detect_isa()) all.push_back({isa, DType::f32, false});
  if (detect_isa() >= Isa::avx512) all.push_back({Isa::avx512, DType::f32, true});
  if (detect_isa() >= Isa::avx512bf16) all.push_back({Isa::avx512bf16, DType::bf16, true});
  return all;
}

struct Problem {
  Problem(const Compute& c, int64_t rows_, int64_t vocabulary_, int64_t width_)
      : rows(rows_),
        vocabulary(vocabulary_),
        width(width_),
        h(c.operand, bucket_rows(rows_), width_),
        w(normals(vocabulary_ * width_, 1, 0.3f)) {
    const auto x = normals(rows * width, 2, 1);
    for (size_t i = 0; i < x.size(); i++) {
      if (c.operand == DType::bf16)
        h.as<bf16>()[i] = to_bf16(x[i]);
      else
        h.as<float>()[i] = x[i];
    }
    for (int64_t r = 0; r < rows; r++)
      targets.push_back(static_cast<int32_t>(
          random_below({.seed = 3, .sample = static_cast<uint32_t>(r)}, static_cast<uint64_t>(vocabulary))));
    if (c.operand == DType::bf16)
      for (float& f : w) f = to_float(to_bf16(f));
  }
  double h_at(int64_t r, int64_t i) const {
    return h.dtype() == DType::bf16 ? to_float(h.as<bf16>()[r * width + i]) : h.as<float>()[r * width + i];
  }
  std::vector<double> log_softmax(int64_t r) const {
    std::vector<double> l(static_cast<size_t>(vocabulary));
    double sum = 0;
    for (int64_t v = 0; v < vocabulary; v++) {
      for (int64_t i = 0; i < width; i++)
        l[static_cast<size_t>(v)] += h_at(r, i) * w[static_cast<size_t>(v * width + i)];
      sum += std::exp(l[static_cast<size_t>(v)]);
    }
    for (double& x : l) x -= std::log(sum);
    return l;
  }
  Operand operand() { return {h.raw(), h.dtype(), rows, width}; }
  int64_t rows, vocabulary, width;
  Tensor h;
  std::vector<float> w;
  std::vector<int32_t> targets;
};

TEST(LmHead, ScoresAgreeWithDouble) {
  for (const Compute& c : all_computes())
    for (int64_t vocabulary : {7, 331, 2048, 4099}) {
      Problem p(c, 5, vocabulary, 17);
      LmHead head(c, vocabulary, 17, false);
      head.pack(p.w.data());
      std::vector<HeadScore> scores(5);
      head.score(p.operand(), p.targets.data(), scores.data());
      for (int64_t r = 0; r < 5; r++) {
        const auto l = p.log_softmax(r);
        double entropy = 0;
        for (double x : l) entropy -= std::exp(x) * x;
        EXPECT_NEAR(scores[static_cast<size_t>(r)].logp, l[static_cast<size_t>(p.targets[static_cast<size_t>(r)])],
                    3e-5);
        EXPECT_NEAR(scores[static_cast<size_t>(r)].entropy, entropy, 3e-5);
      }
    }
}

// The analytic row gradient against central differences in double, then the fused backward against the analytic one.
TEST(LmHead, GradientAgreesWithDifferences) {
  const auto value = [](const std::vector<double>& l, size_t target, double a, double b) {
    double top = -1e300, sum = 0, entropy = 0;
    for (double x : l) top = std::max(top, x);
    for (double x : l) sum += std::exp(x - top);
    const double lse = top + std::log(sum);
    for (double x : l) entropy -= std::exp(x - lse) * (x - lse);
    return a * (l[target] - lse) + b * entropy;
  };
  const auto analytic = [](const std::vector<double>& logp, size_t target, double a, double b) {
    std::vector<double> g(logp.size());
    double entropy = 0;
    for (double x : logp) entropy -= std::exp(x) * x;
    for (size_t j = 0; j < g.size(); j++)
      g[j] = a * ((j == target) - std::exp(logp[j])) - b * std::exp(logp[j]) * (logp[j] + entropy);
    return g;
  };
  for (const Compute& c : all_computes()) {
    Problem p(c, 3, 2051, 9);
    const std::vector<float> dlogp = {0.7f, -1.3f, 0.2f}, dentropy = {0.0f, 0.5f, -0.25f};
    LmHead head(c, p.vocabulary, p.width, true);
    head.pack(p.w.data());
    std::vector<HeadScore> scores(3);
    head.score(p.operand(), p.targets.data(), scores.data());
    Tensor dh(DType::f32, bucket_rows(3), p.width);
    std::vector<float> dw(p.w.size());
    head.backward(p.operand(), p.targets.data(), scores.data(), {dlogp.data(), dentropy.data()},
                  {dh.as<float>(), 3, p.width}, dw.data());
    std::vector<double> want_dw(p.w.size());
    for (int64_t r = 0; r < 3; r++) {
      auto l = p.log_softmax(r);
      const size_t target = static_cast<size_t>(p.targets[static_cast<size_t>(r)]);
      const double a = dlogp[static_cast<size_t>(r)], b = dentropy[static_cast<size_t>(r)];
      const auto g = analytic(l, target, a, b);
      for (size_t j : {size_t{0}, target, size_t{2050}}) {
        auto up = l, down = l;
        up[j] += 1e-5, down[j] -= 1e-5;
        EXPECT_NEAR(g[j], (value(up, target, a, b) - value(down, target, a, b)) / 2e-5, 1e-8);
      }
      for (int64_t i = 0; i < p.width; i++) {
        double want = 0;
        for (int64_t v = 0; v < p.vocabulary; v++)
          want += g[static_cast<size_t>(v)] * p.w[static_cast<size_t>(v * p.width + i)];
        EXPECT_NEAR(dh.as<float>()[r * p.width + i], want, c.operand == DType::bf16 ? 5e-3 : 2e-5);
        for (int64_t v = 0; v < p.vocabulary; v++)
          want_dw[static_cast<size_t>(v * p.width + i)] += g[static_cast<size_t>(v)] * p.h_at(r, i);
      }
    }
    for (size_t i = 0; i < dw.size(); i++) ASSERT_NEAR(dw[i], want_dw[i], c.operand == DType::bf16 ? 2e-2 : 2e-5) << i;
  }
}

TEST(LmHead, SampledLogProbIsTheScoredOneBitForBit) {
  for (const Compute& c : all_computes()) {
    const int64_t rows = 530;
    Problem p(c, rows, 4099, 33);
    LmHead head(c, p.vocabulary, p.width, false);
    head.pack(p.w.data());
    std::vector<SampleSpec> specs(static_cast<size_t>(rows));
    for (size_t r = 0; r < specs.size(); r++) {
      specs[r].place = {.seed = 1, .stage = Stage::sampling, .sample = static_cast<uint32_t>(r)};
      specs[r].temperature = r % 5 == 0 ? 0.0f : r % 5 == 1 ? 0.7f : 1.0f;
      if (r % 5 == 2) specs[r].top_k = 5;
    }
    std::vector<SampledToken> tokens(specs.size());
    head.sample(p.operand(), specs, tokens.data());
    std::vector<int32_t> ids;
    for (const auto& t : tokens) ids.push_back(t.id);
    std::vector<HeadScore> scores(specs.size());
    head.score(p.operand(), ids.data(), scores.data());
    for (size_t r = 0; r < specs.size(); r++) {
      ASSERT_EQ(tokens[r].logp, scores[r].logp) << r;
      SampledToken alone;  // the same row alone
      head.sample({p.operand().row(static_cast<int64_t>(r)), c.operand, 1, p.width}, {&specs[r], 1}, &alone);
      ASSERT_EQ(alone.id, tokens[r].id) << r;
      ASSERT_EQ(alone.logp, tokens[r].logp) << r;
      ASSERT_EQ(alone.sampling_logp, tokens[r].sampling_logp) << r;
    }
  }
}

// 20,000 draws from one row against the exact probabilities, by a chi-square over cells of expected count >= 20.
void expect_distribution(const std::vector<double>& probability, const SampleSpec& base, Problem& p,
                         const LmHead& head) {
  constexpr int kDraws = 20000;
  std::map<int32_t, int> counts;
  for (int i = 0; i < kDraws; i++) {
    SampleSpec spec = base;
    spec.place = {.seed = 9, .stage = Stage::sampling, .step = static_cast<uint32_t>(i)};
    SampledToken token;
    head.sample({p.operand().row(0), p.operand().dtype, 1, p.width}, {&spec, 1}, &token);
    counts[token.id]++;
    ASSERT_NEAR(token.sampling_logp, std::log(probability[static_cast<size_t>(token.id)]), 1e-4);
  }
  double chi = 0, rest_expected = 0, rest = 0;
  int cells = 0;
  for (size_t v = 0; v < probability.size(); v++) {
    const double expected = probability[v] * kDraws;
    const double seen = counts[static_cast<int32_t>(v)];
    if (expected < 20) {
      rest_expected += expected, rest += seen;
    } else {
      chi += (seen - expected) * (seen - expected) / expected, cells++;
    }
  }
  if (rest_expected > 5) chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected, cells++;
  EXPECT_LT(chi, cells + 5 * std::sqrt(2.0 * cells)) << cells << " cells";
}

TEST(LmHead, DrawsFollowTheDistribution) {
  const Compute c{detect_isa() >= Isa::avx512 ? Isa::avx512 : Isa::scalar, DType::f32, false};
  Problem p(c, 1, 2100, 5);
  for (float& f : p.w) f *= 3;
  LmHead head(c, p.vocabulary, p.width, false);
  head.pack(p.w.data());
  const auto logp = p.log_softmax(0);
  for (double temperature : {1.0, 0.6}) {
    std::vector<double> probability;
    double sum = 0;
    for (double l : logp) probability.push_back(std::exp(l / temperature)), sum += probability.back();
    for (double& x : probability) x /= sum;
    expect_distribution(probability, {.temperature = static_cast<float>(temperature)}, p, head);
    auto sorted = probability;
    std::sort(sorted.rbegin(), sorted.rend());
    const auto filtered = [&](auto keep) {
      auto q = probability;
      double kept = 0;
      for (double& x : q) kept += x = keep(x) ? x : 0;
      for (double& x : q) x /= kept;
      return q;
    };
    expect_distribution(filtered([&](double x) { return x >= sorted[6]; }),
                        {.temperature = static_cast<float>(temperature), .top_k = 7}, p, head);
    double mass = 0;
    size_t n = 0;
    while (mass < 0.8) mass += sorted[n++];
    expect_distribution(filtered([&](double x) { return x >= sorted[n - 1]; }),
                        {.temperature = static_cast<float>(temperature), .top_p = 0.8f}, p, head);
    expect_distribution(filtered([&](double x) { return x >= 0.1 * sorted[0]; }),
                        {.temperature = static_cast<float>(temperature), .min_p = 0.1f}, p, head);
  }
}

}  // namespace
}  // namespace r1
