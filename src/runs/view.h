// What a person sees of a run while it goes: in a terminal a few lines that renew themselves, elsewhere a plain line a
// step. All of it on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace r1 {

struct StepSummary {
  int64_t step = 0, total_steps = 0;
  std::vector<std::pair<std::string, std::string>> fields;  // name and value, in order
  double curve = 0;                                         // what the sparkline shows: reward or loss
  std::string sample;                                       // one completion, for looking at
  std::string sample_note;                                  // its verdict
};

class RunView {
 public:
  // `curve_name` and its range; high <= low: the range is what was seen.
  RunView(std::string title, std::string curve_name, double low, double high);
  ~RunView();
  void note(const std::string& line);  // a line that stays
  // Inside a step: "rollout 37/64". Shown live only.
  void phase(const std::string& name, int64_t done, int64_t total);
  // `print`: whether a plain line is due (logging_steps).
  void step(const StepSummary& summary, bool print);

 private:
  void erase_live();
  void draw_live();
  double seconds_left(int64_t step, int64_t total) const;

  std::string title_, curve_name_, phase_;
  double low_, high_;
  const bool live_;
  size_t live_lines_ = 0;
  StepSummary last_;
  bool has_step_ = false;
  std::vector<double> curve_;
  int64_t first_step_ = -1;
  std::chrono::steady_clock::time_point start_, first_step_at_, drawn_;
};

// "1h02m", "3m20s", "12s".
std::string duration_text(double seconds);

// A bar with ETA for anything countable that takes longer than two seconds; a plain line every ten seconds when stderr
// is no terminal.
class ProgressBar {
 public:
  ProgressBar(std::string name, int64_t total);
  ~ProgressBar();
  void update(int64_t done);

 private:
  std::string name_;
  int64_t total_;
  bool live_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace r1
