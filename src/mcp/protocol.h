// The names and numbers of the Model Context Protocol, and the bounds that this client sets.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace strata::mcp {

/// std::ranges::contains, which libstdc++ 12 has not yet.
template <class Range, class Value>
constexpr bool Contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

/// The stateless protocol: every request carries its version and the client's capabilities.
inline constexpr std::string_view kModernVersion = "2026-07-28";
/// Protocols that begin with `initialize`, the newest first.
inline constexpr std::array<std::string_view, 4> kLegacyVersions = {"2025-11-25", "2025-06-18", "2025-03-26",
                                                                    "2024-11-05"};
inline bool IsLegacyVersion(std::string_view version) { return Contains(kLegacyVersions, version); }

/// JSON-RPC's error codes, and those that the protocol adds.
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingClientCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;
/// What the specification's examples answer to a sampling request that the user does not want.
inline constexpr int kRejectedByUser = -1;

inline constexpr std::string_view kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kMetaCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kMetaClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kMetaServerInfo = "io.modelcontextprotocol/serverInfo";

/// One message, and one event of a stream: results with pictures in base64 stay below it.
inline constexpr std::size_t kMaxMessageBytes = 16 << 20;
/// Of the JSON of a message; schemas in the wild stay below 30.
inline constexpr std::size_t kMaxDepth = 128;
/// Of one object: finding a member takes time in proportion.
inline constexpr std::size_t kMaxMembers = 4096;
inline constexpr std::size_t kMaxTools = 10'000;
/// Pages of one list.
inline constexpr int kMaxPages = 1000;
/// Times that a server may ask for input before it gives a result.
inline constexpr int kMaxInputRounds = 10;
/// Requests of one server that hooks work on at the same time.
inline constexpr int kMaxHooks = 16;

}  // namespace strata::mcp
