#include "reward/sandbox/sandbox.h"

#include <utility>

#include "base/error.h"
#include "reward/sandbox/embedded.h"

namespace r1 {
namespace {

JailPlan plan_of(int tier) { return {.namespaces = tier >= 2, .landlock = tier >= 1, .seccomp = tier >= 1}; }

uint64_t microseconds(double seconds) { return static_cast<uint64_t>(seconds * 1e6); }

// Empty when a jail of this tier holds what it must hold; else what is wrong with it.
std::string trouble_with(int tier) {
  JailWorker worker(JailKind::binaries, plan_of(tier));
  const JailOrder order{.mode = jail::Mode::binary, .limits = jail_limits({}), .program = stage_program()};
  const JailResult r = worker.run(order);
  if (r.ending == jail::Ending::broken) return r.err;
  if (r.ending != jail::Ending::exited) return fmt::format("a trial program ended by {}", r.code);
  return r.code == 0 ? "" : fmt::format("a trial program could do what it must not (check {})", r.code);
}

SandboxState find_state() {
  const std::string second = trouble_with(2);
  if (second.empty())
    return {2,
            "bubblewrap, new namespaces for every program, seccomp, Landlock, rlimits, a memory and processor watch"};
  const std::string remedy =
      bwrap_path().empty() ? "apt-get install bubblewrap"
                           : "allow unprivileged user namespaces (sysctl user.max_user_namespaces, on Ubuntu "
                             "kernel.apparmor_restrict_unprivileged_userns=0; in a container, its seccomp profile)";
  const std::string first = trouble_with(1);
  if (first.empty())
    return {1, fmt::format("seccomp, Landlock, rlimits; no namespaces: {}. For tier 2: {}", second, remedy)};
  return {0, fmt::format("tier 2: {}. Tier 1: {}. {}; a kernel with seccomp and Landlock (5.13, lsm=landlock)", second,
                         first, remedy)};
}

}  // namespace

const SandboxState& sandbox_state() {
  static const SandboxState state = find_state();
  return state;
}

jail::Limits jail_limits(const SandboxLimits& l) {
  jail::Limits out;
  out.cpu_us = microseconds(l.cpu_seconds);
  out.idle_us = microseconds(l.idle_seconds);
  out.wall_us = microseconds(l.wall_seconds());
  out.memory_bytes = static_cast<uint64_t>(l.memory_mb) << 20;
  out.output_bytes = static_cast<uint64_t>(l.output_kb) << 10;
  out.disk_bytes = static_cast<uint64_t>(l.disk_mb) << 20;
  out.processes = static_cast<uint32_t>(l.processes);
  out.files = static_cast<uint32_t>(l.files);
  return out;
}

Sandbox::Sandbox(int tier) : plan_(plan_of(tier)) {}
Sandbox::~Sandbox() = default;

JailWorker& Sandbox::worker(std::unique_ptr<JailWorker>& slot, JailKind kind) {
  if (!slot) slot = std::make_unique<JailWorker>(kind, plan_);
  return *slot;
}

JailResult Sandbox::run_twice(JailWorker& worker, const JailOrder& order) {
  JailResult r = worker.run(order);
  return r.ending == jail::Ending::broken ? worker.run(order) : r;
}

JailResult Sandbox::run_python(std::string_view order, std::string_view input, const SandboxLimits& limits) {
  return run_twice(worker(python_, JailKind::python),
                   {.mode = jail::Mode::driver, .limits = jail_limits(limits), .program = order, .input = input});
}

JailResult Sandbox::run_binary(std::string_view executable, std::string_view input, const SandboxLimits& limits) {
  return run_twice(worker(binaries_, JailKind::binaries),
                   {.mode = jail::Mode::binary, .limits = jail_limits(limits), .program = executable, .input = input});
}

JailResult Sandbox::compile(std::string_view source, const SandboxLimits& limits) {
  return run_twice(worker(binaries_, JailKind::binaries),
                   {.mode = jail::Mode::compile, .limits = jail_limits(limits), .program = source});
}

Sandbox::Pair Sandbox::run_pair(std::string_view program_order, std::string_view tests_order,
                                const SandboxLimits& limits) {
  // Each of the two stands idle while the other works; what one may take bounds how long the other has to wait.
  SandboxLimits patient = limits, most_patient = limits;
  patient.idle_seconds += 2 * limits.cpu_seconds;
  most_patient.idle_seconds = patient.wall_seconds() + 10;
  JailWorker &program = worker(python_, JailKind::python), &tests = worker(tests_, JailKind::python);
  Pair out;
  for (int attempt = 0; attempt < 2; attempt++) {
    SocketPair channel;
    const int program_end = std::exchange(channel.ends[0], -1), tests_end = std::exchange(channel.ends[1], -1);
    const JailOrder order{
        .limits = jail_limits(patient), .program = program_order, .input = {}, .channel = program_end};
    const JailOrder checks{
        .limits = jail_limits(most_patient), .program = tests_order, .input = {}, .channel = tests_end};
    program.begin(order);
    tests.begin(checks);
    out.tests = tests.finish();
    out.program = program.finish();
    if (out.tests.ending != jail::Ending::broken && out.program.ending != jail::Ending::broken) break;
  }
  return out;
}

}  // namespace r1
