// Diagnostics on stderr through spdlog. Results go to stdout elsewhere; libraries log only through here.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace r1 {

enum class LogLevel { debug, info, warning, error };

void log_message(LogLevel level, std::string_view text);
void set_log_level(LogLevel level);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace r1
