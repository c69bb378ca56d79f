#include "serve/mcp/protocol.h"

#include <optional>
#include <string>

#include "mcp/param_headers.h"

namespace strata::serve::mcp {
namespace {

std::unexpected<RpcError> Mismatch(std::string message) {
  return std::unexpected(RpcError{.code = spec::kHeaderMismatch, .message = std::move(message)});
}

std::unexpected<RpcError> Unsupported(std::string_view version) {
  return std::unexpected(RpcError{.code = spec::kUnsupportedVersion,
                                  .message = "Unsupported protocol version",
                                  .data = {{"supported", SupportedVersions()}, {"requested", version}}});
}

std::unexpected<RpcError> BadMeta(std::string_view key, std::string_view what) {
  return std::unexpected(
      RpcError{.code = spec::kInvalidParams, .message = fmt::format("params._meta[\"{}\"]: {}", key, what)});
}

/// Of requests: revision 2026-07-28 says nothing of the headers of notifications.
std::expected<void, RpcError> CheckHeaders(const RpcMessage& message, const McpHeaders& headers) {
  if (headers.method.empty()) return Mismatch("the header Mcp-Method is missing");
  if (headers.method != message.method) {
    return Mismatch(fmt::format("the header Mcp-Method says {}, the body {}", headers.method, message.method));
  }
  if (message.method != "tools/call") return {};
  const Json name = message.params.value("name", Json());
  if (headers.name.empty()) return Mismatch("the header Mcp-Name is missing");
  const std::optional<std::string> decoded = spec::DecodeHeaderValue(headers.name);
  if (!decoded) return Mismatch("the header Mcp-Name is not valid base64");
  if (Json(*decoded) != name) {
    return Mismatch(fmt::format("the header Mcp-Name says {}, the body {}", *decoded, name.dump()));
  }
  return {};
}

}  // namespace

Json SupportedVersions() {
  Json versions = Json::array({spec::kModernVersion});
  for (const std::string_view version : spec::kLegacyVersions) versions.push_back(version);
  return versions;
}

std::expected<Era, RpcError> EraOf(const RpcMessage& message, const McpHeaders& headers) {
  const std::string& stated = headers.protocol_version;
  const auto version = message.meta().find(spec::kMetaVersion);
  if (version == message.meta().end()) {
    // The handshake agrees on a version by its params; what came before it may say nothing (2025-03-26 had no header).
    if (message.method == "initialize" || stated.empty() || spec::IsLegacyVersion(stated)) return Era::kLegacy;
    if (stated != spec::kModernVersion) return Unsupported(stated);
    if (!message.is_request()) return Era::kModern;
    return BadMeta(spec::kMetaVersion, "is missing");
  }
  if (!version->is_string()) return BadMeta(spec::kMetaVersion, "must be a string");
  if (stated.empty()) return Mismatch("the header MCP-Protocol-Version is missing");
  if (*version != stated) {
    return Mismatch(fmt::format("the header MCP-Protocol-Version says {}, the body {}", stated, version->dump()));
  }
  if (stated != spec::kModernVersion) return Unsupported(stated);
  if (!message.is_request()) return Era::kModern;
  const auto capabilities = message.meta().find(spec::kMetaCapabilities);
  if (capabilities == message.meta().end()) return BadMeta(spec::kMetaCapabilities, "is missing");
  if (!capabilities->is_object()) return BadMeta(spec::kMetaCapabilities, "must be an object");
  if (auto good = CheckHeaders(message, headers); !good) return std::unexpected(std::move(good.error()));
  return Era::kModern;
}

}  // namespace strata::serve::mcp
