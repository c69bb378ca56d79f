// URLs of MCP servers (RFC 3986, by Boost.URL): http and https only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace strata::mcp {

struct Url {
  bool tls = false;
  std::string host;    ///< without the brackets of an IPv6 address
  std::string port;    ///< the scheme's own where the URL has none
  std::string target;  ///< path and query, as a request line has them
  std::string text;    ///< the URL

  /// For the Host header: the port only where it is not the scheme's own.
  std::string authority() const;
  bool SameOrigin(const Url& other) const { return tls == other.tls && host == other.host && port == other.port; }
};

/// Errors: kInvalidArgument: no URL, another scheme, user names or fragments, which have no meaning here.
Result<Url> ParseUrl(std::string_view text);

/// `reference` as found at `base`: an absolute URL, or a part of one. Errors as of ParseUrl.
Result<Url> ResolveUrl(const Url& base, std::string_view reference);

}  // namespace strata::mcp
