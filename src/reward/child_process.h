// A program as a child process with a pipe to it and one from it, in a process group of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace r1 {

struct ChildCommand {
  std::vector<std::string> words;  // the first one is looked up in PATH
  // The program's descriptors of the two pipes. Where they are not 0 and 1, its standard input is empty, and its
  // standard output is our standard error.
  int input = 0, output = 1;
};

// Started with posix_spawn: a fork would copy a process whose OpenMP threads it does not have. Its standard error is
// ours. PYTHONUNBUFFERED=1 is set, so that a Python program's prints arrive. Not thread safe.
class ChildProcess {
 public:
  explicit ChildProcess(const ChildCommand& command);  // throws r1::Error when it cannot be started
  ~ChildProcess();                                     // kills the whole group (SIGKILL) and reaps
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int to() const { return to_; }      // non-blocking; -1 once closed
  int from() const { return from_; }  // non-blocking
  // As write(2), but a closed pipe is EPIPE and never a SIGPIPE.
  ssize_t write_some(std::string_view bytes);
  void close_input();
  // Waits up to `seconds` for the command to end: "exit code 3", "signal 11 (Segmentation fault)"; empty while it runs.
  std::string ending(double seconds);
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

}  // namespace r1
