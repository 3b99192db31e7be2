// Ctrl-C and SIGTERM as a flag that loops ask between steps. A second Ctrl-C ends the process at once.
#pragma once

namespace r1 {

void catch_interrupts();
bool interrupted();

}  // namespace r1
