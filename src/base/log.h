// Logging: one line an event, to stderr, levelled. Libraries log; they never print.
//
//   LogInfo("loaded {} in {:.2f} s", path, seconds);
#pragma once

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace strata {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

/// Messages below `level` are dropped before they are formatted. Default kInfo; STRATA_LOG=debug|info|warning|error|off
/// sets it.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
void LogText(LogLevel level, std::string_view text);

template <class... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogText(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogWarning(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kWarning, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, format, std::forward<Args>(args)...);
}

}  // namespace strata
