#include "knowledge/document/budget.h"

namespace strata::knowledge {

Status ParseBudget::TakeText(std::size_t bytes) {
  if (bytes > text_left()) {
    return Fail(ErrorCode::kResourceExhausted, "more than {} bytes of text (limit text_bytes)", limits_.text_bytes);
  }
  text_ += bytes;
  return {};
}

Status ParseBudget::TakeInflated(std::size_t bytes, std::string_view what) {
  if (bytes > inflated_left()) {
    return Fail(ErrorCode::kResourceExhausted, "{}: inflates to more than {} bytes (limit inflated_bytes)", what,
                limits_.inflated_bytes);
  }
  inflated_ += bytes;
  return {};
}

Status ParseBudget::TakeEntry(std::string_view archive) {
  if (++entries_ > limits_.entries) {
    return Fail(ErrorCode::kResourceExhausted, "{}: more than {} entries (limit entries)", archive, limits_.entries);
  }
  return {};
}

Status ParseBudget::TakePage() {
  if (++pages_ > limits_.pages) {
    return Fail(ErrorCode::kResourceExhausted, "more than {} pages (limit pages)", limits_.pages);
  }
  return {};
}

void ParseBudget::TookRecognition(Clock::duration time) {
  recognition_ += time;
  if (on_page_) on_page_();
}

}  // namespace strata::knowledge
