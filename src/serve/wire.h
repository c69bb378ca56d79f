// What goes over the wire, as text: response heads and chunks (RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "serve/http.h"

namespace strata::serve {

enum class BodyFraming {
  kLength,   ///< Content-Length
  kChunked,  ///< for HTTP/1.1
  kClose,    ///< until the connection ends, for HTTP/1.0
};

/// Status line, the response's headers and those that framing, connection and date ask for, and the empty line.
/// Header values are written as they are: whoever puts a client's text into one has checked it.
std::string ResponseHead(const HttpResponse& response, BodyFraming framing, bool keep_alive,
                         std::int64_t now_unix_seconds);

/// One chunk; never the empty one, which would end the body.
std::string Chunk(std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string HttpDate(std::int64_t unix_seconds);

}  // namespace strata::serve
