// Running programs nobody has read. What protects the host is tried out first, and named as a tier; below the tier that
// is asked for, nothing runs.
//
//   tier 2  bubblewrap; user, pid, mount, ipc namespaces for every program; seccomp, Landlock, rlimits; a keeper that
//           counts processor time and memory of all its processes
//   tier 1  seccomp, Landlock, rlimits; one process a program, no files of its own, no signals (so no C++, whose
//           compiler needs both)
//   tier 0  nothing
//
// Control groups (v2) would make a tier 3; the keeper does their work where no controller is delegated.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "reward/code_options.h"
#include "reward/sandbox/jail_worker.h"

namespace r1 {

struct SandboxState {
  int tier = 0;
  std::string detail;  // what is on; or what is missing, and what to do about it
};
// Runs a small program in each kind of jail, best first, and believes what it found; once in the life of the process.
const SandboxState& sandbox_state();

jail::Limits jail_limits(const SandboxLimits& limits);

// The jails that one thread uses, started when first needed. Not thread safe.
class Sandbox {
 public:
  // `tier`: 1 or 2, as found by sandbox_state(); 0 runs without any protection (the user's explicit wish).
  explicit Sandbox(int tier);
  ~Sandbox();

  // A jail that breaks is tried once more; `broken` after that. Nothing a program does makes its result broken.
  JailResult run_python(std::string_view order, std::string_view input, const SandboxLimits& limits);
  JailResult run_binary(std::string_view executable, std::string_view input, const SandboxLimits& limits);
  JailResult compile(std::string_view source, const SandboxLimits& limits);
  // Two interpreters in two jails, descriptor 4 of one joined to descriptor 4 of the other.
  struct Pair {
    JailResult program, tests;
  };
  Pair run_pair(std::string_view program_order, std::string_view tests_order, const SandboxLimits& limits);

 private:
  JailResult run_twice(JailWorker& worker, const JailOrder& order);
  JailWorker& worker(std::unique_ptr<JailWorker>& slot, JailKind kind);

  const JailPlan plan_;
  std::unique_ptr<JailWorker> python_, tests_, binaries_;
};

}  // namespace r1
