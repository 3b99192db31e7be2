// Every loss form against plain double formulas and their central differences; advantages against their invariants.
#include "train/losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/philox.h"

namespace r1 {
namespace {

struct Sequence {
  std::vector<float> new_logp, old_logp, ref_logp, weights, token_advantages;
  double advantage = 0;
  LossSequence view() const { return {new_logp, old_logp, ref_logp, advantage, weights, token_advantages}; }
  double advantage_of(size_t t) const { return token_advantages.empty() ? advantage : token_advantages[t]; }
};

// Ratios from about 0.2 to 5, so that every branch of every clip is met. Every other one has weights, every third an
// advantage a token.
Sequence random_sequence(uint32_t number, size_t length, double advantage) {
  Sequence s;
  for (size_t t = 0; t < length; t++) {
    const auto normal = [&](uint32_t draw) {
      return random_normal({.seed = 5, .sample = number, .token = static_cast<uint32_t>(t)}, draw);
    };
    s.old_logp.push_back(static_cast<float>(-0.5 - std::abs(normal(0))));
    s.new_logp.push_back(s.old_logp.back() + static_cast<float>(0.6 * normal(1)));
    s.ref_logp.push_back(s.old_logp.back() + static_cast<float>(0.8 * normal(2)));
    if (number % 2 == 1) s.weights.push_back(std::exp(static_cast<float>(0.5 * normal(3))));
    if (number % 3 == 1) s.token_advantages.push_back(static_cast<float>(normal(4)));
  }
  s.advantage = advantage;
  return s;
}

std::vector<double> doubles(const std::vector<float>& x) { return {x.begin(), x.end()}; }

// The loss as the papers write it (r1.md 1.1, 1.2, 1.4, 1.5). `frozen` is what a stop-gradient sees.
double plain_loss(const LossForm& f, const LossCounts& c, const Sequence& s, const std::vector<double>& logp,
                  const std::vector<double>& frozen) {
  const size_t n = logp.size();
  const auto ratio_of = [&](const std::vector<double>& x, size_t t) {
    if (f.level == RatioLevel::token) return std::exp(x[t] - s.old_logp[t]);
    double product = 1;
    for (size_t i = 0; i < n; i++) product *= std::pow(std::exp(x[i] - s.old_logp[i]), 1.0 / static_cast<double>(n));
    return product;
  };
  double sum = 0;
  for (size_t t = 0; t < n; t++) {
    const double ratio = ratio_of(logp, t), A = s.advantage_of(t);
    double gain;
    if (f.type == LossType::cispo) {
      gain = std::min(ratio_of(frozen, t), f.epsilon_high) * A * logp[t];
    } else {
      const double first = f.delta ? std::min(ratio, *f.delta) : ratio;
      gain = std::min(first * A, std::max(1 - f.epsilon_low, std::min(ratio, 1 + f.epsilon_high)) * A);
    }
    if (!s.weights.empty()) gain *= s.weights[t];
    if (f.beta != 0) {
      const double x = std::exp(s.ref_logp[t] - logp[t]);  // pi_ref / pi
      const double kl = f.kl == KlEstimator::k1   ? -std::log(x)
                        : f.kl == KlEstimator::k2 ? std::log(x) * std::log(x) / 2
                                                  : x - 1 - std::log(x);
      gain -= f.beta * kl * (f.kl_times_ratio ? ratio : 1);
    }
    sum += gain;
  }
  switch (f.type) {
    case LossType::grpo:
      return -sum / static_cast<double>(n) / c.sequences;
    case LossType::dr_grpo:
      return -sum / (c.sequences * c.max_completion_length);
    default:
      return -sum / c.tokens;
  }
}

std::vector<LossForm> all_forms() {
  std::vector<LossForm> out;
  for (LossType type : {LossType::grpo, LossType::bnpo, LossType::dapo, LossType::dr_grpo, LossType::cispo})
    for (RatioLevel level : {RatioLevel::token, RatioLevel::sequence})
      for (double beta : {0.0, 0.07})
        for (KlEstimator kl : {KlEstimator::k1, KlEstimator::k2, KlEstimator::k3})
          for (bool times : {false, true})
            for (bool delta : {false, true}) {
              if (beta == 0 && (kl != KlEstimator::k1 || times)) continue;
              LossForm f;
              f.type = type, f.level = level, f.beta = beta, f.kl = kl, f.kl_times_ratio = times;
              f.epsilon_low = 0.2, f.epsilon_high = type == LossType::cispo ? 1.5 : 0.28;
              if (delta) f.delta = 1.9;
              out.push_back(f);
            }
  return out;
}

std::string name_of(const LossForm& f) {
  return formula_text(f, "group", 40) + (f.kl_times_ratio ? " (kl times ratio)" : "");
}

TEST(Losses, ValueAndSlopeOfEveryFormAgreeWithThePlainFormula) {
  const LossCounts counts{.sequences = 6, .tokens = 71, .max_completion_length = 40};
  for (const LossForm& f : all_forms()) {
    SCOPED_TRACE(name_of(f));
    uint32_t number = 0;
    for (double advantage : {1.3, -0.8, 0.0})
      for (size_t length : {1, 2, 23}) {
        const Sequence s = random_sequence(number++, length, advantage);
        std::vector<float> dlogp(length);
        LossSums sums;
        sequence_loss(f, counts, s.view(), dlogp, sums);
        const std::vector<double> at = doubles(s.new_logp);
        const double value = plain_loss(f, counts, s, at, at);
        EXPECT_NEAR(sums.loss, value, 1e-12 + 1e-12 * std::abs(value));
        EXPECT_EQ(sums.tokens, static_cast<double>(length));
        for (size_t t = 0; t < length; t++) {
          std::vector<double> up = at, down = at;
          up[t] += 1e-6, down[t] -= 1e-6;
          const double slope = (plain_loss(f, counts, s, up, at) - plain_loss(f, counts, s, down, at)) / 2e-6;
          EXPECT_NEAR(dlogp[t], slope, 1e-8 + 1e-6 * std::abs(slope)) << "token " << t << " of " << length;
        }
      }
  }
}

// Expected values: PyTorch 2.15 in float64, autograd of -mean over all tokens of min(r A, clip(r, 0.8, 1.2) A) with
// r = exp(new - old) and A = teacher - old, the reverse KL to a teacher as an advantage a token.
TEST(Losses, AnAdvantageATokenAgreesWithPyTorch) {
  const std::vector<float> new_logp[] = {{-0.75f, -1.25f, -0.5f, -2.0f}, {-1.3125f, -0.25f, -1.875f}},
                           old_logp[] = {{-0.5f, -1.5f, -0.5f, -1.0f}, {-1.25f, -0.75f, -2.0f}},
                           teacher[] = {{-0.25f, -2.5f, -0.625f, -0.5f}, {-2.0f, -0.5f, -2.25f}};
  const std::vector<double> want[] = {
      {-0.0278143136811216, 0.18343220238396304, 0.017857142857142856, -0.02627710294081731},
      {0.10065139958715812, 0.0, 0.04046958760952951}};
  LossSums sums;
  for (size_t s = 0; s < 2; s++) {
    std::vector<float> advantages, dlogp(new_logp[s].size());
    for (size_t t = 0; t < dlogp.size(); t++) advantages.push_back(teacher[s][t] - old_logp[s][t]);
    sequence_loss({}, {.sequences = 2, .tokens = 7},
                  {.new_logp = new_logp[s],
                   .old_logp = old_logp[s],
                   .ref_logp = {},
                   .advantage = 99,  // does not count
                   .token_advantages = advantages},
                  dlogp, sums);
    for (size_t t = 0; t < dlogp.size(); t++) EXPECT_NEAR(dlogp[t], want[s][t], 1e-7) << s << ", token " << t;
  }
  EXPECT_NEAR(sums.loss, 0.2454617729587118, 1e-12);
}

TEST(Losses, OnPolicyTheGradientIsAdvantageTimesWeight) {
  for (const LossForm& f : all_forms()) {
    if (f.beta != 0) continue;
    Sequence s = random_sequence(4, 9, -1.7);
    s.new_logp = s.old_logp;
    s.token_advantages.clear();
    std::vector<float> dlogp(9);
    LossSums sums;
    const LossCounts counts{.sequences = 4, .tokens = 50, .max_completion_length = 16};
    sequence_loss(f, counts, s.view(), dlogp, sums);
    for (float d : dlogp) EXPECT_NEAR(d, 1.7 * token_weight(f, counts, 9), 1e-8) << name_of(f);
    EXPECT_EQ(sums.ratio_min, 1);
    EXPECT_EQ(sums.ratio_max, 1);
  }
}

TEST(Losses, WeightsAreTheMeansOfTheStep) {
  const LossCounts counts{.sequences = 8, .tokens = 300, .max_completion_length = 64};
  const auto weight = [&](LossType type, double length) {
    LossForm f;
    f.type = type;
    return token_weight(f, counts, length);
  };
  EXPECT_DOUBLE_EQ(weight(LossType::grpo, 10), 1.0 / 80);
  EXPECT_DOUBLE_EQ(weight(LossType::grpo, 20), 1.0 / 160);
  EXPECT_DOUBLE_EQ(weight(LossType::dr_grpo, 10), 1.0 / 512);
  EXPECT_DOUBLE_EQ(weight(LossType::dr_grpo, 20), 1.0 / 512);
  for (LossType type : {LossType::bnpo, LossType::dapo, LossType::cispo}) {
    EXPECT_DOUBLE_EQ(weight(type, 10), 1.0 / 300);
    EXPECT_DOUBLE_EQ(weight(type, 20), 1.0 / 300);
  }
}

TEST(Losses, ABrokenOldLogProbStaysFiniteAndIsCounted) {
  for (const LossForm& f : all_forms())
    for (double advantage : {2.0, -2.0})
      for (float off : {-200.0f, -30.0f, 30.0f, 200.0f}) {
        SCOPED_TRACE(name_of(f));
        Sequence s = random_sequence(8, 5, advantage);
        s.ref_logp = s.new_logp;
        s.old_logp[2] = s.new_logp[2] + off;
        std::vector<float> dlogp(5), without(5);
        LossSums sums;
        sequence_loss(f, {}, s.view(), dlogp, sums);
        EXPECT_TRUE(std::isfinite(sums.loss));
        EXPECT_TRUE(std::isfinite(sums.ratio_max));
        for (float d : dlogp) EXPECT_TRUE(std::isfinite(d));
        if (f.level == RatioLevel::sequence) continue;  // the whole sequence shares what is broken
        EXPECT_EQ(sums.ratios_bounded, 1);
        if (f.type != LossType::cispo && f.beta == 0) {
          EXPECT_EQ(dlogp[2], 0) << "a bounded ratio pulls on nothing";
        }
        s.old_logp[2] = s.new_logp[2];
        sequence_loss(f, {}, s.view(), without, sums);
        for (size_t t : {0, 1, 3, 4}) EXPECT_EQ(dlogp[t], without[t]) << "a neighbour's gradient moved";
      }
}

TEST(Losses, AFarReferenceStaysFiniteAndPullsTheRightWay) {
  LossForm f;
  f.beta = 1, f.kl = KlEstimator::k3;
  const auto at = [&](float gap) {  // log pi_ref - log pi
    const std::vector<float> logp = {-gap - 1}, ref = {-1};
    std::vector<float> dlogp(1);
    LossSums sums;
    sequence_loss(f, {}, {logp, logp, ref, 0}, dlogp, sums);
    return std::pair(sums.kl, dlogp[0]);
  };
  EXPECT_NEAR(at(19).first, std::exp(19.0) - 20, 1);
  for (float gap : {21.0f, 30.0f, 90.0f, 500.0f}) {
    EXPECT_TRUE(std::isfinite(at(gap).first));
    EXPECT_LT(at(gap).second, 0) << "the loss falls as the policy nears the reference";
    EXPECT_TRUE(std::isfinite(at(gap).second));
    EXPECT_NEAR((at(gap + 0.25f).first - at(gap - 0.25f).first) / 0.5, -at(gap).second, 1e3) << gap;
  }
  EXPECT_NEAR(at(20.001f).first, at(19.999f).first, at(20).first * 0.003) << "no jump at the bound";
  EXPECT_NEAR(at(-500).second, 1, 1e-6);
}

TEST(Losses, ClippedTokensAreCountedOnTheSideThatBinds) {
  LossForm f;
  f.epsilon_low = 0.2, f.epsilon_high = 0.28;
  const std::vector<float> old_logp = {0, 0, 0}, new_logp = {std::log(0.5f), std::log(1.1f), std::log(2.0f)};
  const auto sums_of = [&](double advantage) {
    LossSums sums;
    std::vector<float> dlogp(3);
    sequence_loss(f, {}, {new_logp, old_logp, {}, advantage}, dlogp, sums);
    return sums;
  };
  EXPECT_EQ(sums_of(1).clipped_low, 0);
  EXPECT_EQ(sums_of(1).clipped_high, 1);
  EXPECT_EQ(sums_of(-1).clipped_low, 1);
  EXPECT_EQ(sums_of(-1).clipped_high, 0);
  EXPECT_EQ(sums_of(1).clipped_low_min, 0);
  EXPECT_NEAR(sums_of(1).clipped_high_max, 1.0 / 3, 1e-12) << "of the sequence's tokens";
  EXPECT_NEAR(sums_of(-1).clipped_low_min, 1.0 / 3, 1e-12);
  EXPECT_EQ(sums_of(-1).clipped_high_max, 0);
  EXPECT_NEAR(sums_of(1).ratio_min, 0.5, 1e-6);
  EXPECT_NEAR(sums_of(1).ratio_max, 2, 1e-6);
  f.type = LossType::cispo, f.epsilon_high = 1.5;
  EXPECT_EQ(sums_of(1).cispo_clipped, 1);
  EXPECT_EQ(sums_of(-1).cispo_clipped, 0);
}

TEST(Losses, TheFormulaNamesItsConstants) {
  LossForm f;
  f.type = LossType::dr_grpo, f.epsilon_high = 0.28, f.beta = 0.04, f.delta = 4;
  const std::string text = formula_text(f, "none", 3000);
  for (const char* part : {"1/(N 3000)", "clip(rho_it, 0.8, 1.28)", "min(rho_it, 4)", "0.04 k3", "A_i = r_i - mean(r)"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

using Groups = std::vector<std::vector<double>>;

Groups advantages_of(const Groups& rewards, ScaleRewards scale) {
  Groups out;
  group_advantages(rewards, scale, out);
  return out;
}

TEST(Advantages, OfAGroupSumToZero) {
  Groups rewards(20);
  for (uint32_t g = 0; g < 20; g++)
    for (uint32_t i = 0; i < 3 + g; i++) rewards[g].push_back(random_normal({.seed = 2, .prompt = g, .sample = i}));
  for (ScaleRewards scale : {ScaleRewards::group, ScaleRewards::batch, ScaleRewards::none})
    for (const auto& a : advantages_of(rewards, scale)) EXPECT_NEAR(std::accumulate(a.begin(), a.end(), 0.0), 0, 1e-12);
}

TEST(Advantages, AreDividedByTheSampleDeviation) {
  // torch.tensor([0., 1.]).std() is 0.70711; the population's would be 0.5
  EXPECT_NEAR(advantages_of({{0, 1}}, ScaleRewards::group)[0][1], 0.5 / (std::sqrt(0.5) + 1e-4), 1e-12);
  // one right of four: deviation 0.5
  EXPECT_NEAR(advantages_of({{1, 0, 0, 0}}, ScaleRewards::group)[0][0], 0.75 / 0.5001, 1e-12);
  EXPECT_NEAR(advantages_of({{1, 0, 0, 0}}, ScaleRewards::none)[0][0], 0.75, 1e-12);
  // batch: 1 0 1 3 has mean 1.25, squares 1.25^2 + 2 * 0.25^2 ... / 3
  const double batch = std::sqrt((1.5625 + 2 * 0.0625 + 3.0625) / 3);
  EXPECT_NEAR(advantages_of({{1, 0}, {1, 3}}, ScaleRewards::batch)[1][1], 1 / (batch + 1e-4), 1e-12);
  EXPECT_NEAR(advantages_of({{1, 0}, {1, 3}}, ScaleRewards::batch)[0][1], -0.5 / (batch + 1e-4), 1e-12);
}

TEST(Advantages, IdenticalRewardsGiveExactlyNothing) {
  for (ScaleRewards scale : {ScaleRewards::group, ScaleRewards::batch, ScaleRewards::none}) {
    const Groups out = advantages_of({{0.1, 0.1, 0.1}, {1, 0, 1}}, scale);  // three times 0.1 has another mean
    EXPECT_EQ(out[0], (std::vector<double>{0, 0, 0}));
    EXPECT_NE(out[1][0], 0);
  }
}

TEST(Advantages, AFailedVerdictLeavesItsGroup) {
  Groups out;
  const auto deviations = group_advantages({{1, NAN, 0}, {NAN, NAN}, {NAN, 5}, {}}, ScaleRewards::group, out);
  EXPECT_EQ(out[0][1], 0);
  EXPECT_NEAR(out[0][0], 0.5 / (std::sqrt(0.5) + 1e-4), 1e-12) << "as if it had never been there";
  EXPECT_EQ(out[1], (std::vector<double>{0, 0}));
  EXPECT_EQ(out[2], (std::vector<double>{0, 0})) << "one verdict alone has nothing beside it";
  EXPECT_NEAR(deviations[0], std::sqrt(0.5), 1e-12);
  for (size_t g : {1, 2, 3}) EXPECT_EQ(deviations[g], 0);
  EXPECT_NEAR(advantages_of({{1, NAN}, {3, 0}}, ScaleRewards::batch)[1][0],
              1.5 / (std::sqrt(((1 - 4. / 3) * (1 - 4. / 3) + (3 - 4. / 3) * (3 - 4. / 3) + 16. / 9) / 2) + 1e-4),
              1e-12);
}

}  // namespace
}  // namespace r1
