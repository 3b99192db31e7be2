// Learning-rate schedules: warm-up (t+1)/W, then constant, linear or cosine to the end, or constant and a decay over
// the last steps (warmup_stable_decay, as transformers' get_wsd_schedule has it). Steps count from 0.
#pragma once

#include <cstdint>
#include <string>

namespace r1 {

enum class SchedulerKind { constant, linear, cosine, warmup_stable_decay };
SchedulerKind parse_scheduler(const std::string& name);
// How warmup_stable_decay falls.
enum class DecayKind { cosine, linear, one_minus_sqrt };
DecayKind parse_decay(const std::string& name);  // "1-sqrt" is the last one

struct Schedule {
  SchedulerKind kind = SchedulerKind::constant;
  double peak = 0;
  int64_t warmup_steps = 0, total_steps = 1;
  double min_rate = 0;      // floor, as a share of the peak
  int64_t decay_steps = 0;  // warmup_stable_decay: the last of total_steps
  DecayKind decay = DecayKind::cosine;
};

double learning_rate_at(const Schedule& schedule, int64_t step);

}  // namespace r1
