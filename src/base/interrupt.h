// Ctrl-C and SIGTERM as a flag that loops ask between steps. A second Ctrl-C ends the process at once.
#pragma once

namespace r1 {

// For main() to call first, before a restart of the program: SIGINT and SIGTERM wait until one of the two below is
// called, so that none is lost while the program starts (a shell's background jobs ignore SIGINT until then).
void hold_interrupts();
// From now on, what has waited included, a signal sets the flag.
void catch_interrupts();
// From now on, what has waited included, a signal does what it does to any program.
void release_interrupts();

bool interrupted();

}  // namespace r1
