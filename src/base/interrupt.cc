#include "base/interrupt.h"

#include <atomic>
#include <csignal>

namespace r1 {
namespace {

// Any thread may be the one that gets the signal.
std::atomic<bool> g_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  g_interrupted.store(true);
  std::signal(signal, SIG_DFL);
}

void change_mask(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(how, &set, nullptr);
}

}  // namespace

void hold_interrupts() { change_mask(SIG_BLOCK); }

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  change_mask(SIG_UNBLOCK);
}

void release_interrupts() { change_mask(SIG_UNBLOCK); }

bool interrupted() { return g_interrupted.load(std::memory_order_relaxed); }

}  // namespace r1
