// Learning-rate schedules: warm-up (t+1)/W, then constant, linear or cosine. Steps count from 0.
#pragma once

#include <cstdint>
#include <string>

namespace r1 {

enum class SchedulerKind { constant, linear, cosine };
SchedulerKind parse_scheduler(const std::string& name);

struct Schedule {
  SchedulerKind kind = SchedulerKind::constant;
  double peak = 0;
  int64_t warmup_steps = 0, total_steps = 1;
  double min_rate = 0;  // floor, as a share of the peak
};

double learning_rate_at(const Schedule& schedule, int64_t step);

}  // namespace r1
