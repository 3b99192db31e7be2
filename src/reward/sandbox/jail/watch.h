// What all processes of a program's pid namespace take together, read from the namespace's /proc by its first process.
#pragma once

#include <cstdint>

namespace r1::jail {

struct Usage {
  uint64_t cpu_us = 0;      // of the living, and of children they have waited for
  uint64_t waiting_us = 0;  // time they spent runnable without a core
  uint64_t resident = 0;    // bytes, shared pages counted once for each process
  bool too_large = false;   // the proportional set sizes add up to more than was allowed
};

// `proc`: a descriptor of the namespace's /proc. The exact size is only read when `resident` passes `memory_bytes`.
Usage read_usage(int proc, uint64_t memory_bytes);

// Where there are no namespaces: how long one process's first thread has waited for a core, by the host's /proc; 0 when
// that cannot be read.
uint64_t waiting_us_of(int pid);

}  // namespace r1::jail
