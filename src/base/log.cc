#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace r1 {
namespace {

spdlog::logger& logger() {
  static auto sink = [] {
    auto made = spdlog::stderr_color_mt("r1");
    made->set_pattern("r1: %^%v%$");
    return made;
  }();
  return *sink;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void log_message(LogLevel level, std::string_view text) { logger().log(level_of(level), text); }
void set_log_level(LogLevel level) { logger().set_level(level_of(level)); }

}  // namespace r1
