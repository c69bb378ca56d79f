// Any bytes as what a server sends: messages, events in any pieces, lists and results of tools, URLs, the servers'
// file.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/unicode.h"
#include "mcp/message.h"
#include "mcp/param_headers.h"
#include "mcp/server_config.h"
#include "mcp/sse_parser.h"
#include "mcp/tool_list.h"
#include "mcp/url.h"

namespace {

namespace mcp = strata::mcp;

constexpr std::size_t kMaxOutput = 100;

void CheckMessage(const mcp::Message& message) {
  if (message.kind != mcp::Message::Kind::kResult) return;
  if (const auto page = mcp::ParseToolPage(message.body, true, "fuzz")) {
    for (const mcp::Tool& tool : page->tools) {
      // What may stand in headers has passed the check: no value can break out of its line.
      for (const auto& [name, value] : mcp::ParamHeaders(tool.input_schema, message.body)) {
        if (!mcp::IsHeaderName(name) || !mcp::IsHeaderValue(value)) std::abort();
      }
    }
  }
  if (const auto result = mcp::ParseToolResult(message.body, kMaxOutput)) {
    if (!strata::IsValidUtf8(result->text) || result->text.size() > kMaxOutput + 100) std::abort();
  }
}

/// The events of `text` cut into pieces of `piece` bytes.
std::string Events(std::string_view text, std::size_t piece) {
  mcp::SseParser parser(1 << 20);
  std::string all;
  for (std::size_t i = 0; i < text.size(); i += piece) {
    const auto events = parser.Push(text.substr(i, piece));
    if (!events) return "too long";
    for (const mcp::SseEvent& event : *events) all += event.type + '\0' + event.data + '\0';
  }
  return all + parser.last_event_id();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  strata::SetLogLevel(strata::LogLevel::kOff);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto messages = mcp::ParseMessages(text)) {
    for (const mcp::Message& message : *messages) CheckMessage(message);
  } else if (!strata::IsValidUtf8(messages.error().message())) {
    std::abort();
  }
  if (Events(text, 1) != Events(text, text.size() + 1) || Events(text, 7) != Events(text, 1)) std::abort();
  if (const auto url = mcp::ParseUrl(text.substr(0, text.find('\n')))) {
    for (const char c : url->authority() + url->target) {
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) std::abort();  // it stands in a request's first lines
    }
    if (const auto next = mcp::ResolveUrl(*url, text.substr(text.find('\n') + 1))) {
      if (next->host.empty() || !next->target.starts_with('/')) std::abort();
    }
  }
  if (const auto servers = mcp::ParseServersFile(text)) {
    for (const mcp::ServerConfig& server : *servers) {
      if (!mcp::CheckServer(server)) std::abort();
    }
  }
  return 0;
}
