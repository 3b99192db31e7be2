#include "trace/step_values.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

class Walk {
 public:
  Walk(PrefixSampler& sampler, size_t num_steps, const MonteCarloOptions& options)
      : sampler_(sampler), options_(options) {
    R1_CHECK(options.rollouts >= 1 && options.most_rollouts >= 1 && options.exhaustive_rollouts >= 1);
    R1_CHECK(options.p_dead > 0 && options.p_dead < 1 && options.error > 0 && options.error < 0.5);
    out_.prefixes.resize(num_steps + 1);
  }

  void draw(std::vector<PrefixRequest> requests) {
    for (PrefixRequest& r : requests) r.first = drawn_of(r.steps);
    const std::vector<PrefixDraws> draws = sampler_.draw(requests);
    R1_CHECK(draws.size() == requests.size());
    for (size_t i = 0; i < draws.size(); i++) {
      PrefixValue& v = out_.prefixes[requests[i].steps];
      v.right += draws[i].right;
      v.counted += draws[i].counted;
      if (!v.best) v.best = draws[i].best;
      drawn_.resize(out_.prefixes.size());
      drawn_[requests[i].steps] += requests[i].count;
      out_.rollouts += requests[i].count;
      out_.tokens += draws[i].tokens;
    }
  }
  int drawn_of(size_t steps) const { return steps < drawn_.size() ? drawn_[steps] : 0; }
  bool spent() const { return options_.budget > 0 && out_.tokens >= options_.budget; }

  // Of the places; the whole thought is known to end wrong, so that its last prefix needs no draws.
  std::vector<double> posterior() const {
    return place_posterior(std::span(out_.prefixes).first(out_.prefixes.size() - 1), options_.p_dead);
  }
  // The prefix whose value tells most: as likely dead as alive.
  static size_t next_place(const std::vector<double>& posterior) {
    size_t out = 0;
    double dead = 0, nearest = 2;
    for (size_t i = 0; i + 1 < posterior.size(); i++) {  // prefix i is dead at places 0 to i
      dead += posterior[i];
      if (std::abs(dead - 0.5) >= nearest) continue;
      nearest = std::abs(dead - 0.5);
      out = i;
    }
    return out;
  }
  // Of each step to be the first wrong one: where the prompt is dead, nothing is known of them.
  static std::vector<double> steps_of(const std::vector<double>& posterior) {
    const double dead = posterior[0] / static_cast<double>(posterior.size() - 1);
    std::vector<double> out;
    for (size_t i = 1; i < posterior.size(); i++) out.push_back(posterior[i] + dead);
    return out;
  }
  MonteCarloTrace finish(bool in_budget) {
    const std::vector<double> places = posterior(), steps = steps_of(places);
    const auto best = std::max_element(steps.begin(), steps.end());
    constexpr double kLikely = 0.5;
    out_.decided = in_budget && (places[0] < kLikely || steps.size() == 1);
    out_.first = FirstError{static_cast<size_t>(best - steps.begin()), *best};
    return std::move(out_);
  }

  MonteCarloTrace out_;

 private:
  PrefixSampler& sampler_;
  const MonteCarloOptions& options_;
  std::vector<int> drawn_;
};

constexpr double kDeadStrength = 10;  // draws that what is known of dead prefixes is worth
constexpr double kPromptDead = 0.1;   // before any draw

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

}  // namespace

ShareInterval share_interval(int right, int n) {
  if (n <= 0) return {};
  const double z = 1.959963984540054, count = n, p = right / count, z2 = z * z / count;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = z / (1 + z2) * std::sqrt(std::max(0.0, p * (1 - p) / count + z2 / (4 * count)));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

std::vector<double> place_posterior(std::span<const PrefixValue> prefixes, double p_dead) {
  const double dead_a = kDeadStrength * p_dead, dead_b = kDeadStrength * (1 - p_dead);
  const size_t n = prefixes.size();
  double dead_right = 0, dead_wrong = 0, alive_right = 0, alive_wrong = 0;
  for (const PrefixValue& v : prefixes) dead_right += v.right, dead_wrong += v.counted - v.right;
  std::vector<double> out(n + 1);
  for (size_t place = 0; place <= n; place++) {  // the first `place` prefixes are alive
    if (place > 0) {
      const PrefixValue& v = prefixes[place - 1];
      alive_right += v.right, alive_wrong += v.counted - v.right;
      dead_right -= v.right, dead_wrong -= v.counted - v.right;
    }
    const double prior = place == 0 ? kPromptDead : (1 - kPromptDead) / static_cast<double>(n);
    out[place] = std::log(prior) + log_beta(1 + alive_right, 1 + alive_wrong) +
                 log_beta(dead_a + dead_right, dead_b + dead_wrong) - log_beta(dead_a, dead_b);
  }
  const double most = *std::max_element(out.begin(), out.end());
  double sum = 0;
  for (double& x : out) sum += x = std::exp(x - most);
  for (double& x : out) x /= sum;
  return out;
}

MonteCarloTrace bisect_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                   const MonteCarloOptions& options) {
  Walk walk(sampler, num_steps, options);
  if (num_steps == 0 || ends_right) {
    walk.out_.decided = true;
    return std::move(walk.out_);
  }
  const int64_t most = options.most_rollouts * static_cast<int64_t>(std::bit_width(num_steps - 1));
  while (walk.out_.rollouts < most) {
    const std::vector<double> posterior = walk.posterior(), steps = Walk::steps_of(posterior);
    if (*std::max_element(steps.begin(), steps.end()) >= 1 - options.error) break;
    if (walk.spent()) return walk.finish(false);
    const int count = static_cast<int>(std::min<int64_t>(options.rollouts, most - walk.out_.rollouts));
    walk.draw({{Walk::next_place(posterior), 0, count}});
  }
  return walk.finish(true);
}

MonteCarloTrace exhaust_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                    const MonteCarloOptions& options) {
  Walk walk(sampler, num_steps, options);
  std::vector<PrefixRequest> requests;
  for (size_t s = 0; s < std::max<size_t>(num_steps, 1); s++) requests.push_back({s, 0, options.exhaustive_rollouts});
  walk.draw(requests);
  if (!ends_right && num_steps > 0) return walk.finish(true);
  walk.out_.decided = true;
  return std::move(walk.out_);
}

}  // namespace r1
