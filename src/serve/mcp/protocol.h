// Which revision of MCP a message speaks, and what that revision asks of a POST.
//
// Modern (2026-07-28): every request says in its _meta which revision it speaks and what its client can do; headers
// repeat it for those who look at no bodies. Legacy (until 2025-11-25): a handshake opens a session, which a header
// names from then on. This server speaks both, on one endpoint.
#pragma once

#include <cstdint>
#include <expected>

#include "mcp/protocol.h"
#include "serve/http.h"
#include "serve/mcp/json_rpc.h"

namespace strata::serve::mcp {

/// All versions, as server/discover lists them.
Json SupportedVersions();

enum class Era : std::uint8_t { kLegacy, kModern };

/// The era of a message; everything that a modern one must have is checked. Errors: kInvalidParams for _meta,
/// kHeaderMismatch for a header that is missing or says something else than the body, kUnsupportedProtocolVersion.
std::expected<Era, RpcError> EraOf(const RpcMessage& message, const McpHeaders& headers);

}  // namespace strata::serve::mcp
