// The hostile suite: programs that mean harm, for hostile_test.cc.
#pragma once

#include <string>
#include <vector>

namespace r1 {

enum class Guest { python, cpp, compile };  // compile: the harm is done to the compiler

// How a program may end, joined by |. That it must not reach anything is the same for all.
enum Ends : unsigned {
  kDone = 1,   // exit code 0
  kError = 2,  // another
  kSignal = 4,
  kCpu = 8,
  kIdle = 16,
  kMemory = 32,
  kOutput = 64,
  kAny = 127,
};

struct HostileProgram {
  int number;  // as in the list of the suite: 1 to 70
  const char* name;
  Guest guest;
  unsigned ends;
  std::string
      code;  // prints ESCAPED when it got through. $CANARY: a folder of the host that anyone may write to;
             // $PORT: a listening port of 127.0.0.1; $PARENT: the test's process; $SECRET: set in its environment
};

// Exhaustion, outliving the limit, reading what it must not, reaching out, attacking the parent: 1 to 59.
const std::vector<HostileProgram>& hostile_programs();

// Forging the verdict, 60 to 70. Each is judged where "alpha 12345", "beta 67890" is the right output, and where f(3)
// is asked for, whose right result is [12345, "alpha"].
const std::vector<HostileProgram>& forging_programs();

}  // namespace r1
