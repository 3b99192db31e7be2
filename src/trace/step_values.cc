#include "trace/step_values.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

class Walk {
 public:
  Walk(PrefixSampler& sampler, size_t num_steps, const MonteCarloOptions& options)
      : sampler_(sampler), options_(options) {
    R1_CHECK(options.rollouts >= 1 && options.most_rollouts >= 1 && options.prompt_rollouts >= 1);
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

  // What the prompt is worth fixes what "alive" means. False: it is dead itself.
  bool measure_prompt() {
    draw({{0, 0, options_.prompt_rollouts}});
    const PrefixValue& v = out_.prefixes[0];
    if (v.right == 0) return false;
    p_alive_ = std::clamp(options_.alive_share * v.value(), std::min(2 * options_.p_dead, 0.9), 0.95);
    return true;
  }

  // log P(draws | alive) - log P(draws | dead)
  double evidence(const PrefixValue& v) const {
    const double wrong = v.counted - v.right;
    return v.right * std::log(p_alive_ / options_.p_dead) + wrong * std::log((1 - p_alive_) / (1 - options_.p_dead));
  }
  // The sequential test at one prefix. nullopt: the budget of the thought ended.
  std::optional<double> test(size_t steps) {
    const double bound = std::log((1 - options_.error) / options_.error);
    while (std::abs(evidence(out_.prefixes[steps])) < bound && drawn_of(steps) < options_.most_rollouts) {
      if (spent()) return std::nullopt;
      draw({{steps, 0, std::min(options_.rollouts, options_.most_rollouts - drawn_of(steps))}});
    }
    return evidence(out_.prefixes[steps]);
  }

  MonteCarloTrace out_;

 private:
  PrefixSampler& sampler_;
  const MonteCarloOptions& options_;
  std::vector<int> drawn_;
  double p_alive_ = 0.5;
};

// That the likelier of two equally likely explanations is the true one.
double sure(double evidence) { return 1 / (1 + std::exp(-std::abs(evidence))); }

}  // namespace

ShareInterval share_interval(int right, int n) {
  if (n <= 0) return {};
  const double z = 1.959963984540054, count = n, p = right / count, z2 = z * z / count;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = z / (1 + z2) * std::sqrt(std::max(0.0, p * (1 - p) / count + z2 / (4 * count)));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

MonteCarloTrace bisect_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                   const MonteCarloOptions& options) {
  Walk walk(sampler, num_steps, options);
  if (num_steps == 0 || ends_right) {
    walk.out_.decided = true;
    return std::move(walk.out_);
  }
  if (!walk.measure_prompt()) return std::move(walk.out_);
  // alive behind `low` steps, dead behind `high`: the whole thought ended in a wrong answer
  size_t low = 0, high = num_steps;
  double low_sure = sure(walk.evidence(walk.out_.prefixes[0])), high_sure = 1;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    const std::optional<double> evidence = walk.test(middle);
    if (!evidence) return std::move(walk.out_);
    if (*evidence > 0)
      low = middle, low_sure = sure(*evidence);
    else
      high = middle, high_sure = sure(*evidence);
  }
  walk.out_.decided = true;
  walk.out_.first = FirstError{high - 1, low_sure * high_sure};
  return std::move(walk.out_);
}

MonteCarloTrace exhaust_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                    const MonteCarloOptions& options) {
  Walk walk(sampler, num_steps, options);
  const bool alive = walk.measure_prompt();
  std::vector<PrefixRequest> requests;
  for (size_t s = 1; s < num_steps; s++) requests.push_back({s, 0, options.prompt_rollouts});
  if (!requests.empty()) walk.draw(requests);
  if (!ends_right && !alive) return std::move(walk.out_);
  walk.out_.decided = true;
  if (ends_right || num_steps == 0) return std::move(walk.out_);
  size_t dead = 1;
  while (dead < num_steps && walk.evidence(walk.out_.prefixes[dead]) > 0) dead++;
  const double before = sure(walk.evidence(walk.out_.prefixes[dead - 1]));
  walk.out_.first =
      FirstError{dead - 1, before * (dead == num_steps ? 1 : sure(walk.evidence(walk.out_.prefixes[dead])))};
  return std::move(walk.out_);
}

}  // namespace r1
