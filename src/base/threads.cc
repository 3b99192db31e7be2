#include "base/threads.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>

#include "base/error.h"

namespace r1 {

int available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return omp_get_num_procs();
}

void set_thread_count(int n) {
  R1_CHECK(n >= 1);
  omp_set_dynamic(0);
  omp_set_num_threads(n);
}

void restart_with_short_spins(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  // by its own path, not /proc/self/exe: the process keeps its name
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0 || setenv("GOMP_SPINCOUNT", "2000", 1) != 0) return;
  path[length] = 0;
  execv(path, argv);  // where it fails, go on; 2000 spins are some 20 us
}

int thread_count() { return omp_get_max_threads(); }

namespace {

// The error of the lowest index that threw: the one the plain loop would have met.
class FirstError {
 public:
  void keep(int64_t i) {
    const std::scoped_lock lock(mutex_);
    if (!error_ || i < index_) error_ = std::current_exception(), index_ = i;
  }
  void raise() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
  int64_t index_ = 0;
};

struct TeamStopped {};

constexpr int kSpins = 2000;  // some 30 us; then a waiting thread gives its core away

class Team {
 public:
  void start(int threads) { threads_ = threads; }

  void loop(int64_t n, void* context, RawLoopBody body) {
    for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < n;) {
      try {
        body(context, i);
      } catch (...) {
        stop(i);
      }
    }
    meet();
  }

  // The calling thread leaves with an error: the others follow at their next barrier.
  void stop(int64_t i) {
    error_.keep(i);
    stopped_.store(true, std::memory_order_release);
    phase_.fetch_add(1, std::memory_order_release);
    phase_.notify_all();
  }

  void raise() const { error_.raise(); }

 private:
  // All are here before one goes on; the last to come opens the next loop. Nobody waits for who has left.
  void meet() {
    const uint32_t phase =
        phase_.load(std::memory_order_acquire);  // before the check: a stop after it changes the phase
    if (stopped_.load(std::memory_order_acquire)) throw TeamStopped();
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      arrived_.store(0, std::memory_order_relaxed);
      next_.store(0, std::memory_order_relaxed);
      phase_.fetch_add(1, std::memory_order_release);
      phase_.notify_all();
    } else {
      for (int spin = 0; phase_.load(std::memory_order_acquire) == phase; spin++) {
        if (spin >= kSpins) phase_.wait(phase, std::memory_order_acquire);
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
    }
    if (stopped_.load(std::memory_order_acquire)) throw TeamStopped();
  }

  int threads_ = 1;
  FirstError error_;
  alignas(64) std::atomic<int64_t> next_ = 0;
  alignas(64) std::atomic<int> arrived_ = 0;
  alignas(64) std::atomic<uint32_t> phase_ = 0;
  std::atomic<bool> stopped_ = false;
};

thread_local Team* t_team = nullptr;

}  // namespace

void run_parallel(int64_t n, void* context, RawLoopBody body) {
  if (n <= 0) return;
  if (Team* team = t_team) {
    t_team = nullptr;  // loops inside bodies run in their thread
    try {
      team->loop(n, context, body);
    } catch (...) {
      t_team = team;
      throw;
    }
    t_team = team;
    return;
  }
  if (n == 1 || omp_in_parallel() || omp_get_max_threads() == 1) {
    for (int64_t i = 0; i < n; i++) body(context, i);
    return;
  }
  FirstError error;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < n; i++) {
    try {
      body(context, i);
    } catch (...) {
      error.keep(i);
    }
  }
  error.raise();
}

void run_team(void* context, RawTeamBody body) {
  if (omp_in_parallel() || omp_get_max_threads() == 1) return body(context);
  Team team;
#pragma omp parallel
  {
#pragma omp single
    team.start(omp_get_num_threads());
    t_team = &team;
    try {
      body(context);
    } catch (const TeamStopped&) {
    } catch (...) {
      team.stop(-1);
    }
    t_team = nullptr;
  }
  team.raise();
}

}  // namespace r1
