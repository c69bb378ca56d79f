#include "mcp/message.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/unicode.h"
#include "mcp/protocol.h"

namespace strata::mcp {
namespace {

constexpr std::size_t kExcerptBytes = 120;

/// Depth and members of objects, before anything is built of the text: a tree that is deep or an object that is wide
/// costs more than its bytes. Text that is no JSON passes; the parser sees that.
Status CheckBounds(std::string_view text) {
  if (text.size() > kMaxMessageBytes) {
    return Fail(ErrorCode::kCorrupt, "a message of {} bytes, more than {}", text.size(), kMaxMessageBytes);
  }
  std::vector<std::size_t> members;  // commas so far, of each open array or object
  std::vector<bool> is_object;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
        break;
      case '{':
      case '[':
        if (members.size() == kMaxDepth) return Fail(ErrorCode::kCorrupt, "a message nested deeper than {}", kMaxDepth);
        members.push_back(1);
        is_object.push_back(text[i] == '{');
        break;
      case '}':
      case ']':
        if (members.empty()) break;
        members.pop_back();
        is_object.pop_back();
        break;
      case ',':
        if (!members.empty() && ++members.back() > kMaxMembers && is_object.back()) {
          return Fail(ErrorCode::kCorrupt, "a message with an object of more than {} members", kMaxMembers);
        }
        break;
      default:
        break;
    }
  }
  return {};
}

std::unexpected<Error> NotRpc(std::string_view why, std::string_view text) {
  return Fail(ErrorCode::kCorrupt, "no JSON-RPC message ({}): {}", why, Excerpt(text));
}

bool IsId(const Json& id) { return id.is_string() || id.is_number(); }

Result<Message> ReadMessage(Json&& json, std::string_view text) {
  if (!json.is_object()) return NotRpc("it must be an object", text);
  if (const auto version = json.find("jsonrpc"); version == json.end() || *version != "2.0") {
    return NotRpc("\"jsonrpc\" must be \"2.0\"", text);
  }
  Message message;
  const auto id = json.find("id");
  if (id != json.end()) message.id = std::move(*id);
  const auto method = json.find("method");
  if (method != json.end()) {
    if (!method->is_string()) return NotRpc("\"method\" must be a string", text);
    message.method = method->get<std::string>();
    message.kind = id == json.end() ? Message::Kind::kNotification : Message::Kind::kRequest;
    if (id != json.end() && !IsId(message.id)) return NotRpc("\"id\" must be a string or a number", text);
    const auto params = json.find("params");
    message.body = params == json.end() ? Json::object() : std::move(*params);
    if (!message.body.is_object()) return NotRpc("\"params\" must be an object", text);
    return message;
  }
  if (const auto error = json.find("error"); error != json.end()) {
    message.kind = Message::Kind::kError;
    const auto code = error->is_object() ? error->find("code") : error->end();
    if (!error->is_object() || code == error->end() || !code->is_number_integer()) {
      return NotRpc("\"error\" must have a \"code\"", text);
    }
    message.error_code = static_cast<int>(std::clamp<std::int64_t>(code->get<std::int64_t>(), INT32_MIN, INT32_MAX));
    const auto words = error->find("message");
    if (words != error->end() && words->is_string()) message.error_message = words->get<std::string>();
    if (const auto data = error->find("data"); data != error->end()) message.body = std::move(*data);
    return message;
  }
  const auto result = json.find("result");
  if (result == json.end()) return NotRpc("it has no method, result or error", text);
  if (!IsId(message.id)) return NotRpc("\"id\" must be a string or a number", text);
  if (!result->is_object()) return NotRpc("\"result\" must be an object", text);
  message.kind = Message::Kind::kResult;
  message.body = std::move(*result);
  return message;
}

/// Never throws: what is not UTF-8 (a caller's string) is replaced.
std::string Text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Result<std::vector<Message>> ParseMessages(std::string_view text) {
  STRATA_CHECK(CheckBounds(text));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return NotRpc("it is no JSON", text);
  std::vector<Message> messages;
  if (!json.is_array()) {
    STRATA_TRY(messages.emplace_back(), ReadMessage(std::move(json), text));
    return messages;
  }
  if (json.empty()) return NotRpc("an empty batch", text);
  for (Json& element : json) {
    STRATA_TRY(messages.emplace_back(), ReadMessage(std::move(element), text));
  }
  return messages;
}

std::string RequestText(std::int64_t id, std::string_view method, Json params) {
  return Text({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}});
}

std::string NotificationText(std::string_view method, Json params) {
  return Text({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}

std::string ResultText(const Json& id, Json result) {
  return Text({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}});
}

std::string ErrorText(const Json& id, int code, std::string_view message) {
  return Text({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
}

std::string Excerpt(std::string_view text) {
  const bool cut = text.size() > kExcerptBytes;
  std::string line = ReplaceInvalidUtf8(text.substr(0, std::min(text.size(), kExcerptBytes)));
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return cut ? line + "…" : line;
}

}  // namespace strata::mcp
