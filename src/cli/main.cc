#include "base/interrupt.h"
#include "base/memory.h"
#include "base/threads.h"
#include "cli/app.h"

int main(int argc, char** argv) {
  r1::hold_interrupts();
  r1::return_large_blocks();
  r1::restart_with_short_spins(argv);
  return r1::run_app(argc, argv);
}
