#include "base/threads.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

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

void run_parallel(int64_t n, void* context, RawLoopBody body) {
  if (n <= 1 || omp_in_parallel() || omp_get_max_threads() == 1) {
    for (int64_t i = 0; i < n; i++) body(context, i);
    return;
  }
  std::mutex mutex;
  std::exception_ptr error;  // of the lowest index that threw: the one the plain loop would have met
  int64_t error_index = n;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < n; i++) {
    try {
      body(context, i);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (i < error_index) error = std::current_exception(), error_index = i;
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace r1
