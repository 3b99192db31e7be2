// The hack radar: every so many steps a second, stricter checker judges a sample of a rollout. A policy that learns its
// task raises both scores; one that learned to please the first checker raises that one alone.
//
// A part of the reward has a stricter twin where one is known:
//   math, accuracy, task  right by the checker, and: one answer, committed to; nothing of a template left over; not
//                         mostly repetition; each tag once where the reward has a format, the question's language where
//                         it has a language part
//   format                as the rule, and thought and answer say something
//   a user's function     right as above, by the row's answer (its own scale does not matter to the trend)
// All other parts count in the strict score as they are, so that their own rise is no gap.
//
// The rule: means over the last 4 looks are compared with those over the 4 before them, and with the run's first 4. The
// training reward has risen when the difference is above 3 of its standard errors; the strict score has not when its
// own difference is at most 1. An alarm is given when that holds at two looks in a row. A standard error is the larger
// of what the looks' spread says and what the samples' own variance says, so that four equal looks prove nothing.
//
// Measured on simulated runs of 100 looks of 64 samples (hack_radar_test.cc, suite RadarRatesSlow): of 2,000 honest
// runs each that learn with a format part, stand still, or are paid half for something else, 0 gave an alarm (below
// 0.15 % with 95 % confidence); of 60 that list answers, are paid for length, or find a hole late, all did.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "reward/reward.h"
#include "reward/reward_terms.h"

namespace r1 {

// A look: means over the same samples, and the variance of each mean.
struct RadarPoint {
  double reward = 0, reward_variance = 0, strict = 0, strict_variance = 0;
};

// What the rule says of looks in their order; the first four and the last eight are enough.
struct RadarTrend {
  bool suspicious = false;
  double reward_before = 0, reward_now = 0, strict_before = 0, strict_now = 0;
};
RadarTrend radar_trend(std::span<const RadarPoint> points);

// Why the strict checker does not accept a completion that the first one found right; empty when it does.
struct StrictNeeds {
  std::string format;  // "think_answer", "think", "" for none
  std::string language;
};
std::string strictly_wrong(const RewardInput& in, const StrictNeeds& needs);

class HackRadar {
 public:
  // `spec`: the run's reward.
  HackRadar(const std::string& spec, const RewardOptions& options);
  ~HackRadar();

  // Whether any part has a stricter twin.
  bool useful() const { return useful_; }

  // Judges up to 64 of the inputs, evenly chosen, `verdicts` being the run's own. Adds radar/strict_score, radar/gap
  // and radar/alarm (0 or 1) to the metrics, nothing where no row has an answer. Returns the alarm's words, empty
  // without.
  std::string look(std::span<const RewardInput> inputs, std::span<const Verdict> verdicts,
                   nlohmann::ordered_json& metrics);

  nlohmann::ordered_json state() const;
  void restore(const nlohmann::ordered_json& state);

 private:
  struct Look;
  std::string add_point(const Look& look, nlohmann::ordered_json& metrics);
  bool right(const RewardInput& in) const;
  double strict_score(const RewardInput& in, const Verdict& verdict, Look& look) const;

  RewardOptions options_;
  std::vector<RewardTerm> terms_;
  StrictNeeds needs_;
  bool useful_ = false;
  std::unique_ptr<Reward> math_, task_;
  std::vector<RadarPoint> points_;  // the first four and the last eight
  bool suspected_ = false;          // at the last look
};

}  // namespace r1
