#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace r1 {

void check_failed(const char* expression, const char* file, int line, const std::string& detail) {
  std::fprintf(stderr, "r1: internal error: %s is false at %s:%d%s%s\n", expression, file, line,
               detail.empty() ? "" : ": ", detail.c_str());
  std::abort();
}

}  // namespace r1
