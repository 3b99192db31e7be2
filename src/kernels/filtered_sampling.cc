#include "kernels/filtered_sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace r1 {

SampledToken sample_filtered(std::span<const float> logits, const SampleSpec& spec) {
  const auto logit = [&](int32_t id) { return logits[static_cast<size_t>(id)]; };
  const auto better = [&](int32_t a, int32_t b) { return logit(a) > logit(b) || (logit(a) == logit(b) && a < b); };
  const auto worse = [&](int32_t a, int32_t b) { return better(b, a); };
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  if (spec.top_k > 0 && static_cast<size_t>(spec.top_k) < ids.size()) {
    std::nth_element(ids.begin(), ids.begin() + spec.top_k - 1, ids.end(), better);
    ids.resize(static_cast<size_t>(spec.top_k));
    std::sort(ids.begin(), ids.end());  // sums run in id order, whatever nth_element left
  }
  float top = -INFINITY;
  for (int32_t id : ids) top = std::max(top, logit(id));
  std::vector<double> weights(logits.size());
  double total = 0;
  for (int32_t id : ids) {
    double& w = weights[static_cast<size_t>(id)];
    w = std::exp((static_cast<double>(logit(id)) - top) / spec.temperature);
    total += w;
  }
  const auto weight = [&](int32_t id) { return weights[static_cast<size_t>(id)]; };
  if (spec.top_p < 1) {  // the best one after another off a heap: few are needed, most stay unsorted
    std::make_heap(ids.begin(), ids.end(), worse);
    auto rest = ids.end();
    for (double mass = 0; rest != ids.begin() && (rest == ids.end() || mass < spec.top_p * total);) {
      std::pop_heap(ids.begin(), rest, worse);
      mass += weight(*--rest);
    }
    ids.erase(ids.begin(), rest);
  }
  if (spec.min_p > 0) std::erase_if(ids, [&](int32_t id) { return weight(id) < spec.min_p; });
  std::sort(ids.begin(), ids.end());
  total = 0;
  for (int32_t id : ids) total += weight(id);
  double left = random_uniform(spec.place) * total;
  int32_t choice = ids.back();
  for (int32_t id : ids) {
    left -= weight(id);
    if (left < 0) {
      choice = id;
      break;
    }
  }
  return {choice, 0.0f, static_cast<float>(std::log(weight(choice) / total))};
}

}  // namespace r1
