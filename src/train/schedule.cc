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
  fail_usage("lr_scheduler_type={}: expected constant, linear, cosine or cosine_with_min_lr", name);
}

double learning_rate_at(const Schedule& s, int64_t step) {
  if (step < s.warmup_steps) return s.peak * static_cast<double>(step + 1) / static_cast<double>(s.warmup_steps);
  const double span = static_cast<double>(std::max<int64_t>(1, s.total_steps - s.warmup_steps));
  const double done = std::clamp(static_cast<double>(step - s.warmup_steps) / span, 0.0, 1.0);
  double share = 1;
  if (s.kind == SchedulerKind::linear) share = 1 - done;
  if (s.kind == SchedulerKind::cosine) share = 0.5 * (1 + std::cos(std::numbers::pi * done));
  return s.peak * (s.min_rate + (1 - s.min_rate) * share);
}

}  // namespace r1
