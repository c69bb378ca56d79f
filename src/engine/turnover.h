// How fast requests end, and so when a full queue has room again: the estimate behind Retry-After.
#pragma once

#include <cstdint>

namespace strata {

/// Times are seconds by the monotonic clock. Not thread-safe.
class Turnover {
 public:
  /// A request ended; `queued`: others wait for its place. Only those say how fast the engine can go.
  void OnEnd(double now, bool queued);
  /// Seconds until a place is free for one more of those that were refused: the k-th refused client is told to come
  /// when k requests will have ended. 1 while nothing is known; at most a minute, since clients that gave up do not
  /// come.
  double BookPlace(double now);

 private:
  double interval_ = 0;  ///< mean seconds between ends, exponentially weighted
  double last_end_ = 0;  ///< 0 = nobody waited then
  double booked_until_ = 0;
};

}  // namespace strata
