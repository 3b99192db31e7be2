// What r1 and the stage inside its jail say to each other, over one stream socket. Both ends come from one build: host
// byte order, plain structs. A Setup once; then a Request, answered by one Reply, any number of times.
//
// Nothing that the stage is told is worth stealing: programs and their inputs go in, bytes come out, and what is right
// is decided outside (reliability: expected outputs never enter).
#pragma once

#include <cstdint>

namespace r1::jail {

constexpr uint32_t kMagic = 0x52314A31;
constexpr uint64_t kLargestPart = uint64_t{64} << 20;  // bytes of any blob of a message

struct Setup {
  uint32_t magic = kMagic;
  uint32_t namespaces = 0;    // 1: every program gets new user, pid, mount and ipc namespaces
  uint32_t landlock = 0;      // 1: required; 0: left out (only where the user asked for no sandbox)
  uint32_t filter_bytes = 0;  // what follows: the seccomp filter, an array of sock_filter; none: left out
};

enum class Mode : uint32_t {
  driver,   // a fork of the warm interpreter; `program` is the driver's order (JSON)
  binary,   // `program` is an executable
  compile,  // `program` is C++; the reply's result is the executable
};

struct Limits {
  uint64_t cpu_us = 0;        // of all processes together
  uint64_t idle_us = 0;       // time that passed neither on a core nor waiting for one
  uint64_t wall_us = 0;       // the backstop
  uint64_t memory_bytes = 0;  // address space of a process, and the real memory of all together
  uint64_t output_bytes = 0;  // each of stdout, stderr, result
  uint64_t disk_bytes = 0;    // of /tmp
  uint32_t processes = 0;     // and threads
  uint32_t files = 0;         // open descriptors
};

struct Request {
  uint32_t magic = kMagic;
  Mode mode = Mode::driver;
  Limits limits;
  uint32_t has_channel = 0;  // 1: a descriptor comes along (SCM_RIGHTS), the program's descriptor 4
  uint32_t unused = 0;
  uint64_t program_bytes = 0, input_bytes = 0;  // what follows; input is fed to standard input
};

enum class Ending : uint32_t {
  exited,    // code: the exit code
  signaled,  // code: the signal
  cpu_time,
  wall_time,
  memory,
  output,
  broken,  // the stage could not do its part; stderr says why
};

struct Reply {
  uint32_t magic = kMagic;
  Ending ending = Ending::broken;
  int32_t code = 0;
  uint32_t unused = 0;
  uint64_t cpu_us = 0, wall_us = 0, memory_bytes = 0;  // memory: the largest process
  uint64_t stdout_bytes = 0, stderr_bytes = 0, result_bytes = 0;
};

}  // namespace r1::jail
