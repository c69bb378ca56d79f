// Which revision of MCP a message speaks, and what that revision asks of a POST.
//
// Modern (2026-07-28): every request says in its _meta which revision it speaks and what its client can do; headers
// repeat it for those who look at no bodies. Legacy (until 2025-11-25): a handshake opens a session, which a header
// names from then on. This server speaks both, on one endpoint.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "serve/http.h"
#include "serve/mcp/json_rpc.h"

namespace strata::serve::mcp {

inline constexpr std::string_view kModernVersion = "2026-07-28";
/// The newest first: what an initialize request with an unknown version is offered.
inline constexpr std::array<std::string_view, 3> kLegacyVersions = {"2025-11-25", "2025-06-18", "2025-03-26"};

bool IsLegacyVersion(std::string_view version);
/// All of them, as server/discover lists them.
Json SupportedVersions();

enum class Era : std::uint8_t { kLegacy, kModern };

/// The era of a message; everything that a modern one must have is checked. Errors: kInvalidParams for _meta,
/// kHeaderMismatch for a header that is missing or says something else than the body, kUnsupportedProtocolVersion.
std::expected<Era, RpcError> EraOf(const RpcMessage& message, const McpHeaders& headers);

/// A header's value, "=?base64?…?=" decoded; nothing when that is no base64.
std::optional<std::string> DecodedHeader(std::string_view value);

}  // namespace strata::serve::mcp
