#include "train/step_advantages.h"

#include <algorithm>

#include "base/error.h"
#include "trace/verdict.h"

namespace r1 {
namespace {

std::vector<std::vector<double>> outcomes_of(const std::vector<SteppedGroup>& groups) {
  std::vector<std::vector<double>> out;
  for (const SteppedGroup& group : groups) {
    out.emplace_back();
    for (const SteppedAnswer& a : group) out.back().push_back(a.reward);
  }
  return out;
}

// What outcome advantages are divided by, a value a group; 0: no spread.
std::vector<double> divisors_of(const std::vector<SteppedGroup>& groups, ScaleRewards scale) {
  constexpr double kEps = 1e-4;
  const std::vector<std::vector<double>> rewards = outcomes_of(groups);
  std::vector<std::vector<double>> unused;
  std::vector<double> out = group_advantages(rewards, ScaleRewards::group, unused);
  std::vector<std::vector<double>> all(1);
  for (const auto& group : rewards) all[0].insert(all[0].end(), group.begin(), group.end());
  const double batch = group_advantages(all, ScaleRewards::group, unused)[0];
  for (double& d : out)
    if (d > 0) d = scale == ScaleRewards::group ? d + kEps : scale == ScaleRewards::batch ? batch + kEps : 1;
  return out;
}

// Answers of a group but one.
struct Others {
  int counted = 0, right = 0;
  double sum = 0;
  Others(const SteppedGroup& group, size_t but) {
    for (size_t i = 0; i < group.size(); i++) {
      if (i == but || std::isnan(group[i].reward)) continue;
      counted++;
      right += group[i].right;
      sum += group[i].reward;
    }
  }
};

std::vector<double> value_differences(const SteppedGroup& group, size_t i, double divisor) {
  const SteppedAnswer& a = group[i];
  std::vector<double> out(a.truths.size(), 0.0);
  if (divisor == 0 || std::isnan(a.reward)) return out;
  const Others others(group, i);
  double before = others.sum / others.counted;  // there are others: the group has spread
  size_t from = 0;
  const auto until = [&](size_t to, double value) {
    for (; from < to; from++) out[from] = (value - before) / divisor;
    before = value;
  };
  for (const PrefixWorth& p : a.prefixes)
    if (p.counted > 0) until(p.steps, p.sum / p.counted);
  until(out.size(), a.reward);
  return out;
}

}  // namespace

StepValues process_advantages(const std::vector<SteppedGroup>& groups, ScaleRewards scale) {
  std::vector<std::vector<double>> rewards, normalised;
  for (const SteppedGroup& group : groups) {
    rewards.emplace_back();
    for (const SteppedAnswer& a : group) {
      for (Truth t : a.truths)
        rewards.back().push_back(t == Truth::none || std::isnan(a.reward) ? NAN : t == Truth::right ? 1.0 : 0.0);
      R1_CHECK(!a.truths.empty());
      rewards.back().back() = a.reward;
    }
  }
  group_advantages(rewards, scale, normalised);
  StepValues out;
  for (size_t g = 0; g < groups.size(); g++) {
    out.emplace_back();
    size_t at = 0;
    for (const SteppedAnswer& a : groups[g]) {
      std::vector<double> steps(normalised[g].begin() + static_cast<std::ptrdiff_t>(at),
                                normalised[g].begin() + static_cast<std::ptrdiff_t>(at + a.truths.size()));
      at += a.truths.size();
      for (size_t s = steps.size() - 1; s > 0; s--) steps[s - 1] += steps[s];
      out.back().push_back(std::move(steps));
    }
  }
  return out;
}

StepValues step_mc_advantages(const std::vector<SteppedGroup>& groups, ScaleRewards scale) {
  const std::vector<double> divisors = divisors_of(groups, scale);
  StepValues out;
  for (size_t g = 0; g < groups.size(); g++) {
    out.emplace_back();
    for (size_t i = 0; i < groups[g].size(); i++) out.back().push_back(value_differences(groups[g], i, divisors[g]));
  }
  return out;
}

std::optional<size_t> first_wrong_step(const SteppedGroup& group, size_t answer) {
  const SteppedAnswer& a = group[answer];
  if (!a.wrong) return std::nullopt;
  if (const Opinion exact = exact_opinion(a.truths); exact.first) return exact.first->step;
  const Others others(group, answer);
  double highest_low = share_interval(others.right, others.counted).low;
  size_t begin = 0;  // of the steps between two prefixes
  bool alive = false;
  for (const PrefixWorth& p : a.prefixes) {
    if (p.counted == 0) continue;
    const ShareInterval share = share_interval(p.right, p.counted);
    if (share.high < highest_low) return begin;
    highest_low = std::max(highest_low, share.low);
    begin = p.steps;
    alive = p.right > 0;
  }
  return alive ? std::optional(begin) : std::nullopt;
}

void blame_from(std::vector<double>& steps, size_t first) {
  for (size_t s = 0; s < std::min(first, steps.size()); s++) steps[s] = std::max(steps[s], 0.0);
}

std::vector<size_t> chosen_prefixes(const std::vector<size_t>& ends, size_t most, size_t most_tokens) {
  std::vector<size_t> able, out;
  for (size_t k = 1; k < ends.size(); k++) {
    const size_t tokens = ends[k - 1], before = k > 1 ? ends[k - 2] : 0;
    if (tokens > before && tokens < ends.back() && tokens < most_tokens) able.push_back(k);
  }
  if (able.size() <= most) return able;
  for (size_t j = 1; j <= most; j++) out.push_back(able[j * able.size() / (most + 1)]);
  return out;
}

std::string step_formula_text(const std::string& advantage, const std::string& blame, const std::string& scale_rewards,
                              int64_t rollouts) {
  const std::string divided = scale_rewards == "none" ? "" : fmt::format(" / (std_{} + 1e-4)", scale_rewards);
  std::string out = "steps: A_i of a token is ";
  if (advantage == "process")
    out += fmt::format(
        "sum over the steps j of i that end at or behind it of (r_ij - mean_group(r)){},  r_ij = 1 right, 0 wrong, "
        "none without evidence, the outcome's reward for the last",
        divided);
  else if (advantage == "step_mc")
    out += fmt::format(
        "(V(behind its step) - V(before it)){},  V(prefix) = mean reward of {} continuations, V(prompt) = that of the "
        "group's other answers, V(end) = r_i",
        divided, rollouts);
  else
    out += "its answer's";
  if (blame == "from_error") out += ";  before the first wrong step of a wrong answer max(A_i, 0)";
  return out;
}

}  // namespace r1
