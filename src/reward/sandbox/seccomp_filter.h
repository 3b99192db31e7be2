// Which system calls a program may make: an allow-list, everything else ends it.
#pragma once

#include <string>

namespace r1 {

struct FilterOptions {
  bool allow_processes = true;  // fork and exec; without them a program is one process with threads, which can signal
                                // nobody (for jails without namespaces)
};
// The filter as the bytes of an array of sock_filter, for the running architecture; calls of others end the program.
// What honest programs may try in vain (sockets, priorities, ...) gives EPERM. Throws r1::Error.
std::string make_seccomp_filter(const FilterOptions& options);

}  // namespace r1
