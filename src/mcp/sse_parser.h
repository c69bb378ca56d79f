// Reads server-sent events from a stream that comes in any pieces:
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::mcp {

struct SseEvent {
  std::string type = "message";
  std::string data;
};

class SseParser {
 public:
  explicit SseParser(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  /// The events that `bytes` completes, in order; those without a data field are none.
  /// Errors: kCorrupt when an event is longer than allowed; the parser is of no use afterwards.
  Result<std::vector<SseEvent>> Push(std::string_view bytes);

  /// For Last-Event-ID, when the stream is asked for again; empty: the server gave none.
  const std::string& last_event_id() const { return last_event_id_; }
  /// How long the server wants its client to wait before it asks again.
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  void EndLine(std::vector<SseEvent>& events);
  void Field(std::string_view name, std::string_view value);

  std::size_t max_event_bytes_;
  std::string line_;
  bool first_line_ = true;
  bool skip_line_feed_ = false;  ///< the line ended with a carriage return: the next byte may belong to it
  std::string type_, data_, id_;
  bool has_data_ = false;
  std::string last_event_id_;
  std::optional<std::chrono::milliseconds> retry_;
};

}  // namespace strata::mcp
