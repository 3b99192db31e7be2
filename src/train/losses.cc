#include "train/losses.h"

#include <algorithm>

#include "base/error.h"

namespace r1 {
namespace {

// KL estimators with delta = log pi_ref - log pi (Schulman 2020; r1.md 1.2), and d/dlogp of each.
struct Value {
  double value, slope;
};
Value kl_term(KlEstimator kind, double delta) {
  switch (kind) {
    case KlEstimator::k1:
      return {-delta, 1};
    case KlEstimator::k2:
      return {0.5 * delta * delta, -delta};
    case KlEstimator::k3: {
      const double bounded = std::min(delta, kLogRatioBound), e = std::exp(bounded);
      return {e * (1 + delta - bounded) - delta - 1, 1 - e};
    }
  }
  return {0, 0};
}

// exp of a log-ratio, bounded; and d/d(log ratio).
Value bounded_ratio(double log_ratio) {
  const double bounded = std::clamp(log_ratio, -kLogRatioBound, kLogRatioBound), ratio = std::exp(bounded);
  return {ratio, bounded == log_ratio ? ratio : 0};
}

// The policy term of one ratio: value and d/d(ratio).
Value policy_term(const LossForm& f, double ratio, double advantage) {
  const double clipped = std::clamp(ratio, 1 - f.epsilon_low, 1 + f.epsilon_high);
  const bool capped = f.delta && ratio > *f.delta;
  const double one = (capped ? *f.delta : ratio) * advantage, two = clipped * advantage;
  if (one <= two) return {-one, capped ? 0.0 : -advantage};
  return {-two, clipped == ratio ? -advantage : 0.0};
}

void count_clips(const LossForm& f, double ratio, double advantage, LossSums& s) {
  s.ratio_min = std::min(s.ratio_min, ratio);
  s.ratio_max = std::max(s.ratio_max, ratio);
  s.ratio_sum += ratio;
  if (f.type == LossType::cispo) s.cispo_clipped += ratio > f.epsilon_high && advantage > 0;
  s.clipped_low += ratio < 1 - f.epsilon_low && advantage < 0;
  s.clipped_high += ratio > 1 + f.epsilon_high && advantage > 0;
}

}  // namespace

double token_weight(const LossForm& f, const LossCounts& c, double length) {
  switch (f.type) {
    case LossType::grpo:
      return 1.0 / (c.sequences * length);
    case LossType::dr_grpo:
      return 1.0 / (c.sequences * c.max_completion_length);
    case LossType::bnpo:
    case LossType::dapo:
    case LossType::cispo:
      return 1.0 / c.tokens;
  }
  return 0;
}

void sequence_loss(const LossForm& f, const LossCounts& counts, const LossSequence& q, std::span<float> dlogp,
                   LossSums& sums) {
  const size_t n = q.new_logp.size();
  R1_CHECK(q.old_logp.size() == n && dlogp.size() == n && (f.beta == 0 || q.ref_logp.size() == n) &&
           (q.weights.empty() || q.weights.size() == n) &&
           (q.token_advantages.empty() || q.token_advantages.size() == n));
  if (n == 0) return;
  const double length = static_cast<double>(n), weight = token_weight(f, counts, length);
  const auto log_ratio = [&](size_t t) { return static_cast<double>(q.new_logp[t]) - q.old_logp[t]; };
  const double low_before = sums.clipped_low, high_before = sums.clipped_high;
  double mean_log_ratio = 0;
  for (size_t t = 0; t < n; t++) mean_log_ratio += log_ratio(t) / length;
  double shared_slope = 0;  // sequence level: every token's term pulls on all tokens alike
  for (size_t t = 0; t < n; t++) {
    const double log_of_ratio = f.level == RatioLevel::sequence ? mean_log_ratio : log_ratio(t);
    const auto [ratio, d_ratio] = bounded_ratio(log_of_ratio);
    const double advantage = q.token_advantages.empty() ? q.advantage : q.token_advantages[t];
    count_clips(f, ratio, advantage, sums);
    sums.ratios_bounded += std::abs(log_of_ratio) > kLogRatioBound;
    double value, ratio_slope = 0, token_slope = 0;  // slopes: d/d(log ratio), d/dlogp
    if (f.type == LossType::cispo) {
      const double capped = std::min(ratio, f.epsilon_high);  // a weight: no gradient
      value = -capped * advantage * q.new_logp[t];
      token_slope = -capped * advantage;
    } else {
      const Value term = policy_term(f, ratio, advantage);
      value = term.value;
      ratio_slope = term.slope * d_ratio;
    }
    if (!q.weights.empty()) {
      const double w = q.weights[t];
      value *= w, ratio_slope *= w, token_slope *= w;
    }
    if (f.beta != 0) {
      const Value kl = kl_term(f.kl, static_cast<double>(q.ref_logp[t]) - q.new_logp[t]);
      const double scale = f.kl_times_ratio ? ratio : 1;
      sums.kl += kl.value * scale;
      value += f.beta * kl.value * scale;
      token_slope += f.beta * kl.slope * scale;
      if (f.kl_times_ratio) ratio_slope += f.beta * kl.value * d_ratio;
    }
    sums.loss += value * weight;
    if (f.level == RatioLevel::sequence)
      shared_slope += ratio_slope / length;
    else
      token_slope += ratio_slope;
    dlogp[t] = static_cast<float>(token_slope * weight);
  }
  if (f.level == RatioLevel::sequence)
    for (float& d : dlogp) d += static_cast<float>(shared_slope * weight);
  sums.clipped_low_min = std::min(sums.clipped_low_min, (sums.clipped_low - low_before) / length);
  sums.clipped_high_max = std::max(sums.clipped_high_max, (sums.clipped_high - high_before) / length);
  sums.tokens += length;
}

std::string formula_text(const LossForm& f, const std::string& scale_rewards, double max_completion_length) {
  const char* ratio =
      f.level == RatioLevel::sequence ? "s_i = exp(mean_t log pi/pi_old)" : "rho_it = pi(o_it)/pi_old(o_it)";
  const char* r = f.level == RatioLevel::sequence ? "s_i" : "rho_it";
  std::string term;
  if (f.type == LossType::cispo) {
    term = fmt::format("sg[min({}, {})] A_i log pi(o_it)", r, f.epsilon_high);
  } else {
    const std::string first = f.delta ? fmt::format("min({}, {})", r, *f.delta) : r;
    term = fmt::format("min({} A_i, clip({}, {:g}, {:g}) A_i)", first, r, 1 - f.epsilon_low, 1 + f.epsilon_high);
  }
  if (f.beta != 0) {
    const char* kl = f.kl == KlEstimator::k1   ? "k1 = log pi/pi_ref"
                     : f.kl == KlEstimator::k2 ? "k2 = (log pi/pi_ref)^2 / 2"
                                               : "k3 = pi_ref/pi - log(pi_ref/pi) - 1";
    term += fmt::format(" - {:g} {}{}", f.beta, f.kl_times_ratio ? "rho " : "", kl);
  }
  std::string mean;
  switch (f.type) {
    case LossType::grpo:
      mean = "mean_i mean_t";
      break;
    case LossType::dr_grpo:
      mean = fmt::format("1/(N {:g}) sum_i sum_t", max_completion_length);
      break;
    case LossType::bnpo:
    case LossType::dapo:
    case LossType::cispo:
      mean = "1/(tokens of the step) sum_i sum_t";
      break;
  }
  const std::string advantage = scale_rewards == "none"
                                    ? "A_i = r_i - mean(r)"
                                    : fmt::format("A_i = (r_i - mean(r)) / (std_{}(r) + 1e-4)", scale_rewards);
  return fmt::format("maximise {} [ {} ],  {},  {}", mean, term, ratio, advantage);
}

namespace {
double mean_of(const std::vector<double>& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return x.empty() ? 0 : sum / static_cast<double>(x.size());
}
// Sample standard deviation (n - 1), as torch.std.
double deviation_of(const std::vector<double>& x) {
  if (x.size() < 2) return 0;
  const double mean = mean_of(x);
  double sum = 0;
  for (double v : x) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}
std::vector<double> counted(const std::vector<double>& x) {
  std::vector<double> out;
  for (double v : x)
    if (!std::isnan(v)) out.push_back(v);
  return out;
}
}  // namespace

std::vector<double> group_advantages(const std::vector<std::vector<double>>& rewards, ScaleRewards scale,
                                     std::vector<std::vector<double>>& out) {
  std::vector<double> everything, deviations;
  for (const auto& group : rewards)
    for (double r : counted(group)) everything.push_back(r);
  const double batch_deviation = deviation_of(everything);
  out.clear();
  for (const auto& group : rewards) {
    const std::vector<double> good = counted(group);
    const bool spread =
        !good.empty() && *std::max_element(good.begin(), good.end()) > *std::min_element(good.begin(), good.end());
    const double mean = mean_of(good), deviation = spread ? deviation_of(good) : 0;
    deviations.push_back(deviation);
    std::vector<double> a;
    for (double r : group) {
      const double divisor = scale == ScaleRewards::group   ? deviation + 1e-4
                             : scale == ScaleRewards::batch ? batch_deviation + 1e-4
                                                            : 1.0;
      a.push_back(std::isnan(r) || !spread ? 0.0 : (r - mean) / divisor);
    }
    out.push_back(std::move(a));
  }
  return deviations;
}

}  // namespace r1
