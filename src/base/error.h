// Errors come in three kinds (docs: STYLE of the project): our bug -> R1_CHECK stops the process; the world's fault ->
// throw r1::Error, caught at main, thread and request edges only; a reward that cannot be computed -> a Verdict.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace r1 {

// The world's fault: a file, a key, a request. The message says what, where, what was expected, what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Wrong use of the command line or of a recipe; the program exits with 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void check_failed(const char* expression, const char* file, int line, const std::string& detail);

}  // namespace r1

// Always on. Further arguments are a fmt format and its values.
#define R1_CHECK(cond, ...)                                                           \
  do {                                                                                \
    if (!(cond)) [[unlikely]]                                                         \
      ::r1::check_failed(#cond, __FILE__, __LINE__, ::r1::check_detail(__VA_ARGS__)); \
  } while (0)

#ifdef R1_DEBUG
#define R1_DCHECK(cond, ...) R1_CHECK(cond, ##__VA_ARGS__)
#else
#define R1_DCHECK(cond, ...) \
  do {                       \
  } while (0)
#endif

namespace r1 {
inline std::string check_detail() { return {}; }
template <typename... Args>
std::string check_detail(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace r1
