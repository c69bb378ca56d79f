// What one file may cost, counted over everything that is found inside it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "knowledge/document/parse.h"

namespace strata::knowledge {

/// Every Take fails with kResourceExhausted, naming the limit, once that limit is passed.
class ParseBudget {
 public:
  using Clock = std::chrono::steady_clock;

  /// `on_page` is told of each page whose text was recognised.
  explicit ParseBudget(const ParseLimits& limits, std::function<void()> on_page = {})
      : limits_(limits), on_page_(std::move(on_page)), start_(Clock::now()) {}

  Status TakeText(std::size_t bytes);
  /// `what`: the entry or stream that is inflated.
  Status TakeInflated(std::size_t bytes, std::string_view what);
  Status TakeEntry(std::string_view archive);
  Status TakePage();
  /// Counted apart from the other time.
  void TookRecognition(Clock::duration time);

  std::size_t text_left() const { return limits_.text_bytes - text_; }
  std::size_t inflated_left() const { return limits_.inflated_bytes - inflated_; }
  const ParseLimits& limits() const { return limits_; }
  /// Time for what can be left out, so that what is there already still arrives before the process is killed.
  bool HasTimeLeft() const { return Clock::now() - start_ - recognition_ < limits_.time * 3 / 4; }
  std::chrono::milliseconds recognition_left() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(limits_.recognition_time - recognition_);
  }

 private:
  ParseLimits limits_;
  std::function<void()> on_page_;
  Clock::time_point start_;
  Clock::duration recognition_{};
  std::size_t text_ = 0, inflated_ = 0;
  int entries_ = 0;
  std::int32_t pages_ = 0;
};

}  // namespace strata::knowledge
