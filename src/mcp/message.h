// JSON-RPC 2.0 messages as MCP uses them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::mcp {

using Json = nlohmann::ordered_json;

struct Message {
  enum class Kind { kRequest, kNotification, kResult, kError };
  Kind kind = Kind::kNotification;
  Json id;             ///< a number or a string; null in an error that answers something unreadable
  std::string method;  ///< of requests and notifications
  Json body;           ///< params (an object, if only an empty one), the result, or the error's data

  int error_code = 0;
  std::string error_message;

  bool is_response() const { return kind == Kind::kResult || kind == Kind::kError; }
};

/// The messages in `text`: one, or several where it is a batch (protocol 2025-03-26).
/// Errors: kCorrupt: no JSON, no JSON-RPC, or beyond the bounds of protocol.h.
Result<std::vector<Message>> ParseMessages(std::string_view text);

std::string RequestText(std::int64_t id, std::string_view method, Json params);
std::string NotificationText(std::string_view method, Json params);
std::string ResultText(const Json& id, Json result);
std::string ErrorText(const Json& id, int code, std::string_view message);

/// `text` on one line of at most 120 characters, for messages about it. Valid UTF-8 whatever `text` is.
std::string Excerpt(std::string_view text);

}  // namespace strata::mcp
