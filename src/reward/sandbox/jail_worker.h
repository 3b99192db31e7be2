// One jail with a stage in it: started once, then asked to run one program at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "reward/sandbox/jail_protocol.h"

namespace r1 {

enum class JailKind { python, binaries };  // a warm interpreter; the compiler and what it made

// How a jail is built. Everything that protects is on unless it is taken out here.
struct JailPlan {
  bool namespaces = true;  // bubblewrap around the stage, and new namespaces for every program
  bool landlock = true;
  bool seccomp = true;
};

struct JailOrder {
  jail::Mode mode = jail::Mode::driver;
  jail::Limits limits;
  std::string_view program = {}, input = {};
  int channel = -1;  // becomes the program's descriptor 4; closed here once it is sent
};

struct JailResult {
  jail::Ending ending = jail::Ending::broken;
  int code = 0;  // exit code or signal
  double cpu_seconds = 0, wall_seconds = 0;
  int64_t memory_bytes = 0;      // of the largest process
  std::string out, err, result;  // standard output, standard error, descriptor 3; of a broken jail, err says why
};

// A pair of connected sockets, closed on exec; throws r1::Error.
struct SocketPair {
  SocketPair();
  ~SocketPair();
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  void close_end(int which);
  int ends[2] = {-1, -1};
};

// Not thread safe: one caller at a time. Whatever happens inside, run() returns; a jail that broke is started again by
// the next call. As root, everything runs as the user nobody.
class JailWorker {
 public:
  JailWorker(JailKind kind, const JailPlan& plan);
  ~JailWorker();  // ends the jail and all in it
  JailWorker(const JailWorker&) = delete;
  JailWorker& operator=(const JailWorker&) = delete;

  JailResult run(const JailOrder& order);
  // The two halves of run(), for programs that talk to each other. `order` must live until finish().
  void begin(const JailOrder& order);
  JailResult finish();

 private:
  void start();
  void stop();
  void send_order(const JailOrder& order);
  bool read_reply(JailResult& out);
  std::string complaints() const;

  const JailKind kind_;
  const JailPlan plan_;
  pid_t pid_ = -1;
  uint64_t wall_us_ = 0;         // of the order at work
  std::string trouble_;          // of the order at work, empty when it was sent
  int control_ = -1, log_ = -1;  // log_: what bubblewrap and the stage write to standard error
};

std::string python_path();  // the interpreter, links resolved; empty when there is none
std::string bwrap_path();   // empty when there is none

}  // namespace r1
