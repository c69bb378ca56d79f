// What one file may cost, counted over everything that is found inside it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "knowledge/document/parse.h"

namespace strata::knowledge {

/// Every Take fails with kResourceExhausted, naming the limit, once that limit is passed.
class ParseBudget {
 public:
  explicit ParseBudget(const ParseLimits& limits) : limits_(limits), start_(std::chrono::steady_clock::now()) {}

  Status TakeText(std::size_t bytes);
  /// `what`: the entry or stream that is inflated.
  Status TakeInflated(std::size_t bytes, std::string_view what);
  Status TakeEntry(std::string_view archive);
  Status TakePage();

  std::size_t text_left() const { return limits_.text_bytes - text_; }
  std::size_t inflated_left() const { return limits_.inflated_bytes - inflated_; }
  const ParseLimits& limits() const { return limits_; }
  /// Time for what can be left out, so that what is there already still arrives before the process is killed.
  bool HasTimeLeft() const { return std::chrono::steady_clock::now() - start_ < limits_.time * 3 / 4; }

 private:
  ParseLimits limits_;
  std::chrono::steady_clock::time_point start_;
  std::size_t text_ = 0, inflated_ = 0;
  int entries_ = 0;
  std::int32_t pages_ = 0;
};

}  // namespace strata::knowledge
