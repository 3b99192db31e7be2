// The one place where loops are spread over cores (OpenMP, the pool oneDNN uses too). The split never influences a
// result: each index is computed whole by one thread, and sums over indices are the caller's, in a fixed order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace r1 {

// Number of cores this process may use.
int available_cores();

// Sets the number of threads of every later parallel_for and of oneDNN; n >= 1.
void set_thread_count(int n);
int thread_count();
// How many of them a parallel_for would use where this is called: 1 inside another one.
int threads_here();

// For main() to call first: OpenMP's threads spin for milliseconds at every barrier, so that whenever something else
// runs on these cores the whole program crawls (ten times slower has been seen). A short spin costs nothing on a quiet
// machine. The setting is read before main, hence this starts the program anew with it, once; does nothing where the
// user has set GOMP_SPINCOUNT or OMP_WAIT_POLICY.
void restart_with_short_spins(char** argv);

// body(i) for i in [0, n), in any order, on up to thread_count() threads. When bodies throw, the exception of the
// lowest such index comes out; other indices may or may not have run. Runs in the calling thread when n <= 1 or when
// already inside a parallel_for.
template <typename Body>
void parallel_for(int64_t n, Body&& body);

// As parallel_for, handing body(begin, end) runs of at most `grain` indices whose bounds depend on n and grain alone.
template <typename Body>
void parallel_chunks(int64_t n, int64_t grain, Body&& body) {
  const int64_t chunks = (n + grain - 1) / grain;
  parallel_for(chunks, [&](int64_t c) { body(c * grain, c * grain + grain < n ? c * grain + grain : n); });
}

// Runs body() on every thread at once, so that a chain of loops costs one start of the threads and a short barrier a
// loop: inside, every parallel_for is met by all threads, in the same order, and its indices are shared among them;
// it is done when it returns. What stands between the loops runs on every thread: it must come to the same on each and
// write nothing that is not its own. An exception of a loop comes out as from the loop alone. Inside a parallel_for or
// another team, and with one thread, body() just runs.
template <typename Body>
void in_team(Body&& body);

// For what stands between a team's loops: the calling thread's number, from 0 on; of a loop of as many indices as there
// are threads, it is most likely given the one of this number.
int thread_number();
// What the calling thread asks memory for, into its second cache, while it waits for others at the ends of the loops
// that follow; until it is all asked for, or something else is named.
void read_while_waiting(const void* p, size_t bytes);

using RawLoopBody = void (*)(void* context, int64_t i);
void run_parallel(int64_t n, void* context, RawLoopBody body);
using RawTeamBody = void (*)(void* context);
void run_team(void* context, RawTeamBody body);

template <typename Body>
void parallel_for(int64_t n, Body&& body) {
  run_parallel(n, &body, [](void* context, int64_t i) { (*static_cast<std::remove_reference_t<Body>*>(context))(i); });
}

template <typename Body>
void in_team(Body&& body) {
  run_team(&body, [](void* context) { (*static_cast<std::remove_reference_t<Body>*>(context))(); });
}

}  // namespace r1
