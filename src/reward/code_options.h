// What the code reward can be told.
#pragma once

#include <cstdint>
#include <string>

namespace r1 {

// Of one program. What it writes, takes or waits for beyond these ends it, and the answer is wrong.
struct SandboxLimits {
  double cpu_seconds = 5;    // of all its processes; a verdict does not depend on what else the machine does
  double idle_seconds = 5;   // neither on a core nor waiting for one
  int64_t memory_mb = 512;   // address space of a process, real memory of all
  int64_t output_kb = 4096;  // standard output, standard error and the result, each
  int64_t disk_mb = 16;      // /tmp
  int64_t processes = 16;    // and threads
  int64_t files = 64;        // open descriptors
  double wall_seconds() const { return 10 * (cpu_seconds + idle_seconds); }  // the backstop
};

// The journal's name where a run has a folder to put it in; none elsewhere.
inline const char* const kJournalOfTheRun = "auto";

struct CodeOptions {
  // behaviour
  SandboxLimits limits;  // of each test
  SandboxLimits compile_limits = {.cpu_seconds = 30, .idle_seconds = 30, .memory_mb = 1024, .disk_mb = 48};
  double float_tolerance = 0;  // of numbers on standard output, absolute or relative; 0: the text has to be the same
  double result_tolerance = 1e-9;          // of floats that functions return
  int64_t minimum_tier = 1;                // below it every verdict is `failed` (sandbox/sandbox.h)
  bool unsafe_no_sandbox = false;          // run even where no tier is to be had
  std::string journal = kJournalOfTheRun;  // file of given verdicts; empty: none
  // performance
  int64_t workers = 0;  // programs at a time; 0: one a core
};

}  // namespace r1
