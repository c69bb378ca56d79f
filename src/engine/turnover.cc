#include "engine/turnover.h"

#include <algorithm>

namespace strata {
namespace {

constexpr double kNewest =
    1.0 / 16;  ///< weight of the last interval: a handful of requests, a batch that ends together
constexpr double kUnknown = 1, kLongest = 60;

}  // namespace

void Turnover::OnEnd(double now, bool queued) {
  if (last_end_ > 0) {
    const double interval = now - last_end_;
    interval_ = interval_ == 0 ? interval : interval_ + kNewest * (interval - interval_);
  }
  last_end_ = queued ? now : 0;
}

double Turnover::BookPlace(double now) {
  if (interval_ == 0) return kUnknown;
  // When nothing has ended for longer than usual, the rate is lower than it was.
  const double interval = last_end_ == 0 ? interval_ : std::max(interval_, (now - last_end_) * kNewest);
  booked_until_ = std::min(std::max(booked_until_, now) + interval, now + kLongest);
  return booked_until_ - now;
}

}  // namespace strata
