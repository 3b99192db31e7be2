// The locks on one program, put on by the program's own process before it runs: resource limits, Landlock, no
// capabilities, the seccomp filter. Plain C++ over system calls: this code runs in the stage, inside the jail, in a
// process that may be a fork of an interpreter.
#pragma once

#include <cstddef>

#include "reward/sandbox/jail_protocol.h"

namespace r1::jail {

struct Locks {
  const Setup* setup;
  const void* filter;  // setup->filter_bytes bytes
  const Limits* limits;
};

// Where a program is to be run: a mount namespace of its own with a fresh /tmp and an empty /proc. Called by the
// program's keeper, which is the first process of the new namespaces. Returns a descriptor of the namespaces' /proc for
// the keeper alone, or -1 with errno and *what set.
int furnish_namespaces(uint32_t outer_uid, uint32_t outer_gid, uint64_t disk_bytes, const char** what);

// All locks, the filter last. False with errno and *what set; then the program must not run.
bool confine(const Locks& locks, const char** what);

}  // namespace r1::jail
