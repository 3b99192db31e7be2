#include "base/threads.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <span>
#include <vector>

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

// How many indices of its own range a thread has given out in loop number `loop` of its team; a line of its own.
// The number stands beside the count, so that nobody has to set counts back between loops.
class alignas(64) Counter {
 public:
  // The next of `size` indices, or -1.
  int64_t take(uint32_t loop, int64_t size) {
    uint64_t seen = value_.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t given = seen >> 32 == loop ? seen & ~uint32_t{0} : 0;
      if (static_cast<int64_t>(given) >= size) return -1;
      if (value_.compare_exchange_weak(seen, (uint64_t{loop} << 32) + given + 1, std::memory_order_relaxed))
        return static_cast<int64_t>(given);
    }
  }
  void reset() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// Of the loops and teams that this thread starts.
std::span<Counter> counters_for(int threads) {
  thread_local std::vector<Counter> counters;
  if (counters.size() < static_cast<size_t>(threads)) counters = std::vector<Counter>(static_cast<size_t>(threads));
  for (Counter& c : counters) c.reset();
  return std::span(counters).first(static_cast<size_t>(threads));
}

// Indices [0, n) by a range for each thread: the same rows meet the same thread, and its caches, from loop to loop.
// Who is done with its own range helps others.
template <typename Run>
void take_indices(std::span<Counter> counters, int me, uint32_t loop, int64_t n, Run&& run) {
  R1_CHECK(n <= std::numeric_limits<uint32_t>::max());
  const int64_t threads = static_cast<int64_t>(counters.size());
  const auto begin_of = [&](int64_t thread) { return (n * thread + threads - 1) / threads; };
  for (int64_t k = 0; k < threads; k++) {
    const int64_t whose = (me + k) % threads, begin = begin_of(whose), size = begin_of(whose + 1) - begin;
    for (int64_t i; (i = counters[static_cast<size_t>(whose)].take(loop, size)) >= 0;) run(begin + i);
  }
}

struct TeamStopped {};

// What is left of what read_while_waiting() named.
struct Reading {
  const char *next = nullptr, *end = nullptr;

  void go_on() {
    constexpr int kLine = 64, kLines = 4;
    for (int i = 0; i < kLines && next < end; i++, next += kLine) __builtin_prefetch(next, 0, 2);
  }
};
thread_local Reading t_reading;

constexpr int kSpins = 2000;  // some 30 us; then a waiting thread gives its core away

class Team {
 public:
  void start(std::span<Counter> counters) { counters_ = counters; }

  // The member's loop number `loop`, from 1 on.
  void loop(uint32_t loop, int64_t n, void* context, RawLoopBody body) {
    take_indices(counters_, omp_get_thread_num(), loop, n, [&](int64_t i) {
      try {
        body(context, i);
      } catch (...) {
        stop(i);
      }
    });
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
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == std::ssize(counters_)) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.fetch_add(1, std::memory_order_release);
      phase_.notify_all();
    } else {
      for (int spin = 0; phase_.load(std::memory_order_acquire) == phase; spin++) {
        if (spin >= kSpins) phase_.wait(phase, std::memory_order_acquire);
        t_reading.go_on();
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
    }
    if (stopped_.load(std::memory_order_acquire)) throw TeamStopped();
  }

  std::span<Counter> counters_;
  FirstError error_;
  // one line: the last to come has it when it opens the next loop
  alignas(64) std::atomic<int> arrived_ = 0;
  std::atomic<uint32_t> phase_ = 0;
  std::atomic<bool> stopped_ = false;
};

thread_local Team* t_team = nullptr;
thread_local uint32_t t_loops = 0;  // of this team so far

}  // namespace

int thread_number() { return omp_get_thread_num(); }

void read_while_waiting(const void* p, size_t bytes) {
  const char* begin = static_cast<const char*>(p);
  t_reading = {begin, begin + bytes};
}

int threads_here() { return t_team == nullptr && omp_in_parallel() ? 1 : thread_count(); }

void run_parallel(int64_t n, void* context, RawLoopBody body) {
  if (n <= 0) return;
  if (Team* team = t_team) {
    t_team = nullptr;  // loops inside bodies run in their thread
    try {
      team->loop(++t_loops, n, context, body);
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
  const std::span<Counter> counters = counters_for(omp_get_max_threads());
#pragma omp parallel
  take_indices(counters.first(static_cast<size_t>(omp_get_num_threads())), omp_get_thread_num(), 1, n, [&](int64_t i) {
    try {
      body(context, i);
    } catch (...) {
      error.keep(i);
    }
  });
  error.raise();
}

void run_team(void* context, RawTeamBody body) {
  if (omp_in_parallel() || omp_get_max_threads() == 1) return body(context);
  Team team;
  const std::span<Counter> counters = counters_for(omp_get_max_threads());
#pragma omp parallel
  {
#pragma omp single
    team.start(counters.first(static_cast<size_t>(omp_get_num_threads())));
    t_team = &team;
    t_loops = 0;
    t_reading = {};
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
