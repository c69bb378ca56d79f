#include "mcp/sse_parser.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace strata::mcp {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
/// A server that asks for a longer wait gets this one.
constexpr std::int64_t kMaxRetryMs = 3'600'000;

}  // namespace

Result<std::vector<SseEvent>> SseParser::Push(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (std::exchange(skip_line_feed_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    if (line_.size() + data_.size() + end > max_event_bytes_) {
      return Fail(ErrorCode::kCorrupt, "an event of more than {} bytes", max_event_bytes_);
    }
    line_ += bytes.substr(0, end);
    if (end == bytes.size()) break;
    skip_line_feed_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    EndLine(events);
  }
  return events;
}

void SseParser::EndLine(std::vector<SseEvent>& events) {
  std::string line = std::exchange(line_, {});
  if (std::exchange(first_line_, false) && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
  if (line.empty()) {
    last_event_id_ = id_;
    if (std::exchange(has_data_, false)) {
      data_.pop_back();  // the line feed after the last line
      events.push_back({.type = type_.empty() ? "message" : std::move(type_), .data = std::move(data_)});
    }
    type_.clear();
    data_.clear();
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment, which keeps the connection alive
  const std::string_view text = line;
  if (colon == std::string::npos) {
    Field(text, {});
    return;
  }
  std::string_view value = text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  Field(text.substr(0, colon), value);
}

void SseParser::Field(std::string_view name, std::string_view value) {
  if (name == "event") {
    type_ = value;
  } else if (name == "data") {
    data_ += value;
    data_ += '\n';
    has_data_ = true;
  } else if (name == "id") {
    if (!value.contains('\0')) id_ = value;
  } else if (name == "retry") {
    std::int64_t milliseconds = 0;
    const bool digits = !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return;
    const auto [_, error] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    retry_ = std::chrono::milliseconds(error == std::errc() ? std::min(milliseconds, kMaxRetryMs) : kMaxRetryMs);
  }
}

}  // namespace strata::mcp
