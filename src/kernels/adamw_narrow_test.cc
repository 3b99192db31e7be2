// The forms of AdamW that keep less: what rounding by chance promises, the map of eight-bit codes, and that both reach
// what float32 reaches.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/threads.h"
#include "kernels/adamw.h"
#include "kernels/elementwise_ref.h"
#include "kernels/test_cases.h"

namespace r1 {
namespace {

float nearest(float x) { return to_float(to_bf16(x)); }

std::vector<float> bf16_normals(int64_t n, uint32_t sample, double scale = 1) {
  std::vector<float> x = test_normals(n, sample, scale);
  for (float& f : x) f = nearest(f);
  return x;
}

// The sixteen bits that element i of a parameter is rounded with: word 0 for the weight, 1 and 2 for the moments.
uint32_t rounding_bits(const RoundingPlace& place, int64_t step, int64_t i, int word) {
  const uint32_t counter = static_cast<uint32_t>(i / 32 * 16 + i % 16);
  const PhiloxBlock block = random_block({.seed = place.seed,
                                          .stage = Stage::rounding,
                                          .step = static_cast<uint32_t>(step),
                                          .prompt = 0,
                                          .sample = place.parameter,
                                          .token = counter >> 12},
                                         counter & 4095);
  return block[static_cast<size_t>(word)] >> (i % 32 < 16 ? 0 : 16) & 0xffff;
}

float rounded_by(float x, uint32_t bits) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  u = (u + bits) & 0xffff0000u;
  std::memcpy(&x, &u, 4);
  return x;
}

// One step from given moments, in double, then rounded by base/philox.h's bits: the same but for sums whose last float
// bit decides.
TEST(AdamwBf16, FollowsTheReferenceRoundedByItsOwnBits) {
  for (const Compute& c : own_computes())
    for (int64_t n : {1, 15, 16, 17, 31, 33, 1000}) {
      const RoundingPlace place{.seed = 0x123456789abcdefu, .parameter = 5, .first = 64};
      const AdamwStep step{.lr = 1e-3, .weight_decay = 0.1, .grad_scale = 0.5, .step = 7};
      auto p = bf16_normals(n, 1), g = test_normals(n, 2, 0.1);
      const auto m0 = bf16_normals(n, 3, 0.05), v0 = bf16_normals(n, 4, 0.05);
      std::vector<bf16> m, v;
      for (float x : m0) m.push_back(to_bf16(x));
      for (float x : v0) v.push_back(to_bf16(x * x));
      const auto start = p, gradient = g;
      const auto start_v = v;
      adamw_bf16_update(c, p.data(), g.data(), m.data(), v.data(), n, step, place);
      int64_t other = 0;
      for (int64_t i = 0; i < n; i++) {
        const size_t at = static_cast<size_t>(i);
        double rp = start[at], rm = m0[at], rv = to_float(start_v[at]);
        AdamwRef{1e-3, 0.9, 0.999, 1e-8, 0.1}.step(rp, 0.5 * static_cast<double>(gradient[at]), rm, rv, 7);
        const float want[3] = {static_cast<float>(rp), static_cast<float>(rm), static_cast<float>(rv)};
        const float got[3] = {p[at], to_float(m[at]), to_float(v[at])};
        for (int k = 0; k < 3; k++) {
          other += got[k] != rounded_by(want[k], rounding_bits(place, 7, place.first + i, k));
          ASSERT_NEAR(got[k], want[k], 0.00782 * std::abs(want[k]) + 1e-37) << compute_name(c) << " " << i << " " << k;
        }
        ASSERT_EQ(g[at], 0.0f);
      }
      EXPECT_LE(other, 1 + 3 * n / 1000) << compute_name(c) << " n " << n;
    }
}

// A step far below half of bf16's spacing: to the nearest nothing would ever move; by chance the mean moves by exactly
// the step. The bound is five standard errors.
TEST(AdamwBf16, SmallStepsAreTakenOnAverageWhereRoundingToNearestFreezes) {
  constexpr int64_t kN = 200000;
  constexpr double kRate = 2e-5;
  for (float start : {0.7f, -0.7f}) {
    const float weight = nearest(start), spacing = 0x1p-8f;  // of bf16 in [0.5, 1)
    EXPECT_EQ(nearest(weight - static_cast<float>(kRate)), weight) << "round to nearest stays for ever";
    std::vector<float> p(kN, weight);
    std::vector<bf16> m(kN), v(kN);
    for (int64_t t = 1; t <= 5; t++) {
      std::vector<float> g(kN, 1.0f);
      adamw_bf16_update({detect_isa(), DType::f32, false}, p.data(), g.data(), m.data(), v.data(), kN,
                        {.lr = kRate, .step = t}, {.seed = 11});
    }
    const double moved = std::accumulate(p.begin(), p.end(), 0.0) / kN - weight;
    const double error = std::sqrt(5 * kRate * spacing / kN);
    EXPECT_NEAR(moved, -5 * kRate, 5 * error + 0.02 * 5 * kRate) << "moments are rounded too, by some 1 %";
    EXPECT_LT(error, 0.1 * 5 * kRate) << "the bound says something";
  }
}

TEST(AdamwBf16, BitsDependOnSeedStepAndPlaceAlone) {
  const int before = thread_count();
  const Compute c{detect_isa(), DType::f32, false};
  constexpr int64_t kN = 200001, kCut = 70 * kQuantBlock;
  const auto run = [&](int threads, uint64_t seed, uint32_t parameter, int64_t cut) {
    set_thread_count(threads);
    auto p = bf16_normals(kN, 1);
    std::vector<bf16> m(kN), v(kN);
    auto g = test_normals(kN, 2);
    for (auto [begin, end] : {std::pair(int64_t{0}, cut), std::pair(cut, kN)})
      if (end > begin)
        adamw_bf16_update(c, p.data() + begin, g.data() + begin, m.data() + begin, v.data() + begin, end - begin,
                          {.lr = 1e-3, .step = 5}, {.seed = seed, .parameter = parameter, .first = begin});
    return p;
  };
  const auto want = run(1, 3, 4, 0);
  EXPECT_EQ(run(2, 3, 4, 0), want);
  EXPECT_EQ(run(3, 3, 4, kCut), want) << "in two ranges";
  EXPECT_NE(run(1, 4, 4, 0), want);
  EXPECT_NE(run(1, 3, 5, 0), want);
  set_thread_count(before);
}

// The map as the paper builds it (section 1.3 and appendix F): for every decade, the middles of equal parts of
// [0.1, 1], twice as many in each higher decade; 0 and 1 beside them.
std::vector<double> map_by_definition(bool is_signed) {
  std::vector<double> all = {0, 1};
  for (int i = 0; i < 7; i++) {
    const int parts = 1 << (is_signed ? i : i + 1);
    for (int k = 0; k < parts; k++) {
      const double low = 0.1 + 0.9 * k / parts, high = 0.1 + 0.9 * (k + 1) / parts;
      all.push_back((low + high) / 2 * std::pow(10.0, i - 6));
      if (is_signed) all.push_back(-all.back());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST(Adamw8bit, TheMapIsTheDefinitions) {
  for (bool is_signed : {true, false}) {
    std::vector<double> ours;
    for (int code = 0; code < 256; code++) ours.push_back(dynamic_map_value(static_cast<uint8_t>(code), is_signed));
    std::sort(ours.begin(), ours.end());
    const std::vector<double> want = map_by_definition(is_signed);
    ASSERT_EQ(want.size(), 256u);
    for (size_t i = 0; i < 256; i++) EXPECT_NEAR(ours[i], want[i], 1e-7 * std::abs(want[i])) << i;
  }
}

struct Codes {
  explicit Codes(int64_t n)
      : m(static_cast<size_t>(n)),
        v(m.size()),
        m_scale(static_cast<size_t>((n + kQuantBlock - 1) / kQuantBlock)),
        v_scale(m_scale.size()) {}
  QuantisedMoments at(int64_t first = 0) {
    const int64_t block = first / kQuantBlock;
    return {m.data() + first, v.data() + first, m_scale.data() + block, v_scale.data() + block};
  }
  float m_at(size_t i) const { return dynamic_map_value(m[i], true) * m_scale[i / kQuantBlock]; }
  float v_at(size_t i) const { return dynamic_map_value(v[i], false) * v_scale[i / kQuantBlock]; }
  std::vector<uint8_t> m, v;
  std::vector<float> m_scale, v_scale;
};

double distance_to_map(double x, const std::vector<double>& map) {
  double best = INFINITY;
  for (double value : map) best = std::min(best, std::abs(value - x));
  return best;
}

// One step from nothing, so that the moments are known: every code is the nearest one, and the weights have moved by
// the unrounded moments. Gradients go through all decades, both signs and 0.
TEST(Adamw8bit, EveryCodeIsTheNearest) {
  const auto m_map = map_by_definition(true), v_map = map_by_definition(false);
  for (const Compute& c : own_computes())
    for (int64_t n : {1, 15, 17, 255, 256, 257, 2000}) {
      Codes codes(n);
      std::vector<float> p(static_cast<size_t>(n), 0.5f), g = test_normals(n, 2);
      for (int64_t i = 0; i < n; i++) g[static_cast<size_t>(i)] *= static_cast<float>(std::pow(10.0, -(i % 9)));
      if (n > 20) g[20] = 0;
      const auto gradient = g;
      adamw_8bit_update(c, p.data(), g.data(), codes.at(), n, {.lr = 1e-2, .step = 1});
      for (int64_t begin = 0; begin < n; begin += kQuantBlock) {
        double m_top = 0, v_top = 0;
        const int64_t end = std::min(n, begin + kQuantBlock);
        for (int64_t i = begin; i < end; i++) {
          const double gi = gradient[static_cast<size_t>(i)];
          m_top = std::max(m_top, std::abs(0.1 * gi)), v_top = std::max(v_top, 0.001 * gi * gi);
        }
        for (size_t i = static_cast<size_t>(begin); i < static_cast<size_t>(end); i++) {
          const double gi = gradient[i], m = 0.1 * gi / m_top, v = 0.001 * gi * gi / v_top;
          ASSERT_NEAR(std::abs(codes.m_at(i) / m_top - m), distance_to_map(m, m_map), 2e-7 + 1e-6 * std::abs(m));
          const double v_got = codes.v_at(i) / v_top;
          if (gi != 0 && v < 1.625e-7)  // nearer to 0, but never 0
            ASSERT_NEAR(v_got, 3.25e-7, 1e-12) << compute_name(c) << " " << i;
          else
            ASSERT_NEAR(std::abs(v_got - v), distance_to_map(v, v_map), 1e-6 * v + 1e-12)
                << compute_name(c) << " " << i;
          ASSERT_NEAR(p[i], gi == 0 ? 0.5 : 0.5 - (gi > 0 ? 1e-2 : -1e-2), 2e-5 + 1e-2 * 1e-8 / (std::abs(gi) + 1e-9));
          ASSERT_EQ(g[i], 0.0f);
        }
      }
    }
}

TEST(Adamw8bit, BitsDoNotDependOnThreadsOrRanges) {
  const int before = thread_count();
  const Compute c{detect_isa(), DType::f32, false};
  constexpr int64_t kN = 200001, kCut = 300 * kQuantBlock;
  std::vector<std::vector<float>> weights;
  std::vector<std::vector<uint8_t>> kept;
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    auto p = test_normals(kN, 1);
    Codes codes(kN);
    for (int64_t t = 1; t <= 3; t++) {
      auto g = test_normals(kN, static_cast<uint32_t>(10 + t));
      const int64_t cut = threads == 3 ? kCut : kN;
      for (auto [begin, end] : {std::pair(int64_t{0}, cut), std::pair(cut, kN)})
        if (end > begin)
          adamw_8bit_update(c, p.data() + begin, g.data() + begin, codes.at(begin), end - begin,
                            {.lr = 1e-3, .weight_decay = 0.01, .step = t});
    }
    weights.push_back(p), kept.push_back(codes.v);
  }
  set_thread_count(before);
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_EQ(weights[0], weights[2]);
  EXPECT_EQ(kept[0], kept[2]);
}

// ---- reaching a minimum: a noisy quadratic whose curvatures and gradients differ by orders of magnitude

constexpr int64_t kWeights = 4096;

struct Quadratic {
  double noise = 0.3;
  std::vector<float> best = test_normals(kWeights, 1);
  double curvature(int64_t i) const { return std::pow(10.0, -3 * static_cast<double>(i % 97) / 96); }
  void gradient(const std::vector<float>& p, uint32_t step, std::vector<float>& g) const {
    g = test_normals(kWeights, 1000 + step, noise);
    for (int64_t i = 0; i < kWeights; i++) {
      const size_t at = static_cast<size_t>(i);
      g[at] = static_cast<float>(curvature(i) * (static_cast<double>(p[at]) - best[at] + g[at]));
    }
  }
  double loss(const std::vector<float>& p) const {
    double sum = 0;
    for (size_t i = 0; i < p.size(); i++) sum += (p[i] - best[i]) * (p[i] - best[i]) / 2 / kWeights;
    return sum;
  }
};

template <typename Update>
double loss_after(int64_t steps, double rate, double noise, std::vector<float> p, const Update& update) {
  const Quadratic problem{.noise = noise};
  std::vector<float> g;
  for (int64_t t = 1; t <= steps; t++) {
    problem.gradient(p, static_cast<uint32_t>(t), g);
    const double now = rate * (1 - static_cast<double>(t - 1) / static_cast<double>(steps));
    update(p, g, AdamwStep{.lr = now, .beta2 = 0.99, .step = t});
  }
  return problem.loss(p);
}

struct Losses {
  double start, f32, bf16_by_chance, bf16_to_nearest, eight_bits;
};
Losses compare(int64_t steps, double rate, double noise, const std::vector<float>& start) {
  const Compute c{detect_isa(), DType::f32, false};
  std::vector<float> m(kWeights), v(kWeights), m2(kWeights), v2(kWeights);
  std::vector<bf16> bm(kWeights), bv(kWeights);
  Codes codes(kWeights);
  Losses out{};
  out.start = Quadratic().loss(start);
  out.f32 = loss_after(steps, rate, noise, start, [&](auto& p, auto& g, const AdamwStep& s) {
    adamw_update(c, p.data(), g.data(), m.data(), v.data(), kWeights, s);
  });
  out.bf16_by_chance = loss_after(steps, rate, noise, start, [&](auto& p, auto& g, const AdamwStep& s) {
    adamw_bf16_update(c, p.data(), g.data(), bm.data(), bv.data(), kWeights, s, {.seed = 1});
  });
  out.bf16_to_nearest = loss_after(steps, rate, noise, start, [&](auto& p, auto& g, const AdamwStep& s) {
    adamw_update(c, p.data(), g.data(), m2.data(), v2.data(), kWeights, s);
    for (float& x : p) x = nearest(x);
  });
  out.eight_bits = loss_after(steps, rate, noise, start, [&](auto& p, auto& g, const AdamwStep& s) {
    adamw_8bit_update(c, p.data(), g.data(), codes.at(), kWeights, s);
  });
  return out;
}

TEST(AdamwNarrow, ReachesWhatFloat32Reaches) {
  const Losses l = compare(400, 2e-2, 0.3, std::vector<float>(kWeights, 0.0f));
  EXPECT_LT(l.f32, 0.03 * l.start);
  EXPECT_LT(l.bf16_by_chance, 1.1 * l.f32 + 1e-4);
  EXPECT_LT(l.eight_bits, 1.1 * l.f32);
}

// Fine-tuning: near the minimum, at a rate below bf16's spacing of most weights.
TEST(AdamwNarrow, AtASmallRateOnlyRoundingToNearestStays) {
  std::vector<float> start = Quadratic().best;
  const auto off = test_normals(kWeights, 2, 0.05);
  for (size_t i = 0; i < start.size(); i++) start[i] = nearest(start[i] + off[i] + (off[i] > 0 ? 0.05f : -0.05f));
  const Losses l = compare(400, 3e-4, 0.02, start);
  SCOPED_TRACE(::testing::Message() << l.start << " " << l.f32 << " " << l.bf16_by_chance << " " << l.bf16_to_nearest
                                    << " " << l.eight_bits);
  EXPECT_LT(l.f32, 0.3 * l.start);
  EXPECT_LT(l.bf16_by_chance, 1.15 * l.f32);
  EXPECT_LT(l.eight_bits, 1.1 * l.f32);
  EXPECT_GT(l.bf16_to_nearest, 0.85 * l.start) << "hardly moved";
}

}  // namespace
}  // namespace r1
