// What this process takes of the machine's memory, and what it may take, as Linux tells it. All in bytes.
#pragma once

#include <cstddef>
#include <string>

namespace r1 {

// Resident memory now, and its peak since the start or the last reset; 0 where /proc is not there.
size_t resident_bytes();
size_t peak_resident_bytes();
// Begins a new peak at what is resident now. False where the system does not permit it: then peaks only grow.
bool reset_peak_resident();
// For main() to call: blocks of some megabytes and more are asked of the system one by one and go back to it when they
// are freed. Left alone, the allocator keeps such blocks for later ones, which seldom fit the holes.
void return_large_blocks();
// Gives freed blocks back to the system, so that what is resident is what is used.
void release_freed_memory();

struct MemoryLimit {
  size_t bytes = 0;    // what this process may have in all, counting what it has already
  std::string source;  // what sets it, for messages
};

// Where Linux keeps them; other places in tests.
struct MemoryFiles {
  std::string meminfo = "/proc/meminfo";
  std::string own_cgroup = "/proc/self/cgroup";
  std::string cgroups = "/sys/fs/cgroup";
};

// The smallest of the machine's MemAvailable and the limits of this process' control groups (version 2 and 1) with what
// they can still give; page cache that can be dropped counts as free. `resident` is what this process has already.
// Without any of the files: a limit of the largest size_t.
MemoryLimit memory_limit(size_t resident, const MemoryFiles& files = {});

}  // namespace r1
