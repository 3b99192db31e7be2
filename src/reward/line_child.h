// A child process that speaks in lines.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "reward/child_process.h"

namespace r1 {

// Requests are written while replies are read, so that neither side waits for the other. Not thread safe.
class LineChild {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kLongestLine = size_t{16} << 20, kMostOutput = size_t{64} << 20;

  explicit LineChild(const ChildCommand& command) : child_(command) {}

  // To be written while next() waits.
  void send(std::string_view text) { to_send_ += text; }

  enum class Event {
    line,    // a line, without its end
    quiet,   // nothing until then
    ended,   // it ended or closed its output; why() says how
    flooded  // a line above kLongestLine, or kMostOutput since the last forgive()
  };
  Event next(std::string& line, Clock::time_point until);
  void forgive() { output_ = 0; }
  const std::string& why() const { return why_; }

  // Closes its input and gives it `seconds` to end.
  void let_end(double seconds);

 private:
  void write();
  bool take_line(std::string& line);
  Event end(std::string& line);

  ChildProcess child_;
  std::string to_send_, buffer_, why_;
  size_t sent_ = 0, begin_ = 0, scanned_ = 0, output_ = 0;  // begin_: of the first line not taken yet
  bool deaf_ = false, closed_ = false;                      // it has closed its input (it may still answer); its output
};

}  // namespace r1
