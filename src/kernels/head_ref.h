// The head's mathematics in plain double loops over one row of logits. Tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/head.h"

namespace r1 {

// logits_v = h . w_v
inline std::vector<double> logits_ref(const std::vector<double>& h, const std::vector<double>& w) {
  std::vector<double> l(w.size() / h.size());
  for (size_t v = 0; v < l.size(); v++)
    for (size_t i = 0; i < h.size(); i++) l[v] += h[i] * w[v * h.size() + i];
  return l;
}

inline std::vector<double> log_softmax_ref(const std::vector<double>& logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double x : logits) sum += std::exp(x - top);
  std::vector<double> out;
  for (double x : logits) out.push_back(x - top - std::log(sum));
  return out;
}

inline double entropy_ref(const std::vector<double>& logp) {
  double entropy = 0;
  for (double x : logp) entropy -= x > -700 ? std::exp(x) * x : 0;
  return entropy;
}

// a log p(target) + b entropy, and its gradient by the logits.
inline double head_value_ref(const std::vector<double>& logits, size_t target, double a, double b) {
  const auto logp = log_softmax_ref(logits);
  return a * logp[target] + b * entropy_ref(logp);
}
inline std::vector<double> head_gradient_ref(const std::vector<double>& logits, size_t target, double a, double b) {
  const auto logp = log_softmax_ref(logits);
  const double entropy = entropy_ref(logp);
  std::vector<double> g;
  for (size_t j = 0; j < logits.size(); j++)
    g.push_back(a * ((j == target) - std::exp(logp[j])) - b * std::exp(logp[j]) * (logp[j] + entropy));
  return g;
}

// The distribution a row is drawn from, filter by filter as transformers' logits processors define them: temperature,
// the k best, the fewest best whose mass reaches top_p, those with at least min_p of the best one's probability.
inline std::vector<double> sampling_distribution_ref(const std::vector<double>& logits, const SampleSpec& spec) {
  const size_t n = logits.size();
  std::vector<double> l(logits);
  for (double& x : l) x /= static_cast<double>(spec.temperature);
  const auto probabilities = [&] {
    std::vector<double> p = log_softmax_ref(l);
    for (double& x : p) x = std::exp(x);
    return p;
  };
  std::vector<size_t> order(n);  // best first, ties by id
  for (size_t i = 0; i < n; i++) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  if (spec.top_k > 0)
    for (size_t i = static_cast<size_t>(spec.top_k); i < n; i++) l[order[i]] = -INFINITY;
  if (spec.top_p < 1) {
    const auto p = probabilities();
    double mass = 0;
    for (size_t i = 0; i < n; i++) {
      if (mass >= static_cast<double>(spec.top_p)) l[order[i]] = -INFINITY;
      mass += p[order[i]];
    }
  }
  if (spec.min_p > 0) {
    const auto p = probabilities();
    for (size_t i = 0; i < n; i++)
      if (p[i] < static_cast<double>(spec.min_p) * p[order[0]]) l[i] = -INFINITY;
  }
  return probabilities();
}

// Whether counts of draws fit probabilities: chi-square over cells of expected count >= 20 (smaller ones together),
// below its mean by no more than five standard deviations. A draw of probability 0 never fits.
inline bool draws_fit(const std::vector<int64_t>& counts, const std::vector<double>& probability) {
  double draws = 0, chi = 0, rest = 0, rest_expected = 0, cells = 0;
  for (int64_t c : counts) draws += static_cast<double>(c);
  for (size_t v = 0; v < counts.size(); v++) {
    const double seen = static_cast<double>(counts[v]), expected = probability[v] * draws;
    if (probability[v] == 0 && seen > 0) return false;
    if (expected < 20) {
      rest += seen, rest_expected += expected;
    } else {
      chi += (seen - expected) * (seen - expected) / expected, cells++;
    }
  }
  if (rest_expected > 5) chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected, cells++;
  return chi < cells + 5 * std::sqrt(2 * cells);
}

}  // namespace r1
