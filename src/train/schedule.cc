#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace r1 {

SchedulerKind parse_scheduler(const std::string& name) {
  if (name == "constant" || name == "constant_with_warmup") return SchedulerKind::constant;
  if (name == "linear") return SchedulerKind::linear;
  if (name == "cosine" || name == "cosine_with_min_lr") return SchedulerKind::cosine;
  if (name == "warmup_stable_decay") return SchedulerKind::warmup_stable_decay;
  fail_usage("lr_scheduler_type={}: expected constant, linear, cosine, cosine_with_min_lr or warmup_stable_decay",
             name);
}

DecayKind parse_decay(const std::string& name) {
  if (name == "cosine") return DecayKind::cosine;
  if (name == "linear") return DecayKind::linear;
  if (name == "1-sqrt") return DecayKind::one_minus_sqrt;
  fail_usage("decay_type={}: expected cosine, linear or 1-sqrt", name);
}

namespace {

// What is left of the peak where `done` of the decay is behind.
double left_of(DecayKind decay, double done) {
  if (decay == DecayKind::linear) return 1 - done;
  if (decay == DecayKind::one_minus_sqrt) return 1 - std::sqrt(done);
  return 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace

double learning_rate_at(const Schedule& s, int64_t step) {
  if (step < s.warmup_steps) return s.peak * static_cast<double>(step + 1) / static_cast<double>(s.warmup_steps);
  const bool stable_first = s.kind == SchedulerKind::warmup_stable_decay;
  const int64_t start = stable_first ? std::max(s.warmup_steps, s.total_steps - s.decay_steps) : s.warmup_steps;
  const double span = static_cast<double>(std::max<int64_t>(1, s.total_steps - start));
  const double done = std::clamp(static_cast<double>(step - start) / span, 0.0, 1.0);
  double share = 1;
  if (s.kind == SchedulerKind::linear) share = left_of(DecayKind::linear, done);
  if (s.kind == SchedulerKind::cosine) share = left_of(DecayKind::cosine, done);
  if (stable_first) share = left_of(s.decay, done);
  return s.peak * (s.min_rate + (1 - s.min_rate) * share);
}

}  // namespace r1
