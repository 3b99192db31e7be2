#include "kernels/filtered_sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace r1 {

SampledToken sample_filtered(std::span<const float> logits, const SampleSpec& spec) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto better = [&](int32_t a, int32_t b) {
    const float la = logits[static_cast<size_t>(a)], lb = logits[static_cast<size_t>(b)];
    return la > lb || (la == lb && a < b);
  };
  if (spec.top_k > 0 && static_cast<size_t>(spec.top_k) < ids.size()) {
    std::nth_element(ids.begin(), ids.begin() + spec.top_k - 1, ids.end(), better);
    ids.resize(static_cast<size_t>(spec.top_k));
  }
  float top = -INFINITY;
  for (int32_t id : ids) top = std::max(top, logits[static_cast<size_t>(id)]);
  const auto weight = [&](int32_t id) {
    return std::exp((static_cast<double>(logits[static_cast<size_t>(id)]) - top) / spec.temperature);
  };
  std::sort(ids.begin(), ids.end());  // sums in id order, whatever nth_element left
  if (spec.top_p < 1) {
    double total = 0;
    for (int32_t id : ids) total += weight(id);
    std::sort(ids.begin(), ids.end(), better);
    double mass = 0;
    size_t keep = 0;
    while (keep < ids.size() && mass < spec.top_p * total) mass += weight(ids[keep++]);
    ids.resize(std::max<size_t>(keep, 1));
  }
  if (spec.min_p > 0) std::erase_if(ids, [&](int32_t id) { return weight(id) < spec.min_p; });
  std::sort(ids.begin(), ids.end());
  double total = 0;
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
