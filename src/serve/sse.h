// Server-sent events, as the OpenAI and Anthropic APIs frame them:
// https://html.spec.whatwg.org/multipage/server-sent-events.html
#pragma once

#include <string>
#include <string_view>

namespace strata::serve {

/// One event. `data` is JSON on one line, so that no line of it needs a prefix of its own.
inline std::string SseEvent(std::string_view data) {
  std::string event;
  event.reserve(data.size() + 8);
  event += "data: ";
  event += data;
  event += "\n\n";
  return event;
}

/// One event with a name.
inline std::string SseEvent(std::string_view name, std::string_view data) {
  std::string event;
  event.reserve(name.size() + data.size() + 16);
  event += "event: ";
  event += name;
  event += "\ndata: ";
  event += data;
  event += "\n\n";
  return event;
}

inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

}  // namespace strata::serve
