// Time. Durations are measured with the monotonic clock only; wall time is for what people read.
#pragma once

#include <chrono>
#include <cstdint>

namespace strata {

inline std::int64_t MonotonicNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
inline double MonotonicSeconds() { return static_cast<double>(MonotonicNanos()) * 1e-9; }

/// Seconds since 1970-01-01 UTC, as the OpenAI API's `created` wants it.
inline std::int64_t UnixSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace strata
