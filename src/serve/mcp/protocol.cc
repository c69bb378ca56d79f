#include "serve/mcp/protocol.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <openssl/evp.h>

namespace strata::serve::mcp {
namespace {

constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

std::unexpected<RpcError> Mismatch(std::string message) {
  return std::unexpected(RpcError{.code = RpcCode::kHeaderMismatch, .message = std::move(message)});
}

std::unexpected<RpcError> Unsupported(std::string_view version) {
  return std::unexpected(RpcError{.code = RpcCode::kUnsupportedProtocolVersion,
                                  .message = "Unsupported protocol version",
                                  .data = {{"supported", SupportedVersions()}, {"requested", version}}});
}

std::unexpected<RpcError> BadMeta(std::string_view key, std::string_view what) {
  return std::unexpected(
      RpcError{.code = RpcCode::kInvalidParams, .message = fmt::format("params._meta[\"{}\"]: {}", key, what)});
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
  const std::optional<std::string> decoded = DecodedHeader(headers.name);
  if (!decoded) return Mismatch("the header Mcp-Name is not valid base64");
  if (Json(*decoded) != name) {
    return Mismatch(fmt::format("the header Mcp-Name says {}, the body {}", *decoded, name.dump()));
  }
  return {};
}

}  // namespace

bool IsLegacyVersion(std::string_view version) {
  return std::ranges::find(kLegacyVersions, version) != kLegacyVersions.end();
}

Json SupportedVersions() {
  Json versions = Json::array({kModernVersion});
  for (const std::string_view version : kLegacyVersions) versions.push_back(version);
  return versions;
}

std::optional<std::string> DecodedHeader(std::string_view value) {
  constexpr std::string_view kBegin = "=?base64?", kEnd = "?=";
  if (!value.starts_with(kBegin) || !value.ends_with(kEnd) || value.size() < kBegin.size() + kEnd.size()) {
    return std::string(value);
  }
  value = value.substr(kBegin.size(), value.size() - kBegin.size() - kEnd.size());
  const std::size_t padding = value.size() - std::min(value.find_last_not_of('=') + 1, value.size());
  if (value.size() % 4 != 0 || padding > 2) return std::nullopt;
  std::vector<unsigned char> decoded(value.size() / 4 * 3);
  const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
  if (EVP_DecodeBlock(decoded.data(), bytes, static_cast<int>(value.size())) < 0) return std::nullopt;
  return std::string(decoded.begin(), decoded.end() - static_cast<std::ptrdiff_t>(padding));
}

std::expected<Era, RpcError> EraOf(const RpcMessage& message, const McpHeaders& headers) {
  const std::string& stated = headers.protocol_version;
  const auto version = message.meta().find(kVersionKey);
  if (version == message.meta().end()) {
    // The handshake agrees on a version by its params; what came before it may say nothing (2025-03-26 had no header).
    if (message.method == "initialize" || stated.empty() || IsLegacyVersion(stated)) return Era::kLegacy;
    if (stated != kModernVersion) return Unsupported(stated);
    if (!message.is_request()) return Era::kModern;
    return BadMeta(kVersionKey, "is missing");
  }
  if (!version->is_string()) return BadMeta(kVersionKey, "must be a string");
  if (stated.empty()) return Mismatch("the header MCP-Protocol-Version is missing");
  if (*version != stated) {
    return Mismatch(fmt::format("the header MCP-Protocol-Version says {}, the body {}", stated, version->dump()));
  }
  if (stated != kModernVersion) return Unsupported(stated);
  if (!message.is_request()) return Era::kModern;
  const auto capabilities = message.meta().find(kCapabilitiesKey);
  if (capabilities == message.meta().end()) return BadMeta(kCapabilitiesKey, "is missing");
  if (!capabilities->is_object()) return BadMeta(kCapabilitiesKey, "must be an object");
  if (auto good = CheckHeaders(message, headers); !good) return std::unexpected(std::move(good.error()));
  return Era::kModern;
}

}  // namespace strata::serve::mcp
