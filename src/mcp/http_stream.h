// One HTTP/1.1 request over a connection of its own, TCP or TLS, and its response as it comes. A connection is not used
// twice: a server may close an idle one at any moment, and what is written to it then may have been acted upon or not.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <boost/beast/http/verb.hpp>

#include "base/result.h"
#include "mcp/param_headers.h"
#include "mcp/tasks.h"
#include "mcp/url.h"

namespace strata::mcp {

struct HttpRequest {
  boost::beast::http::verb method = boost::beast::http::verb::get;
  Headers headers;
  std::string body;
};

class HttpStream {
 public:
  /// Connects, sends, and reads the response's header, following redirects (307, 308) within the URL's origin.
  /// Certificates are checked against the system's, or SSL_CERT_FILE's. Errors: kUnavailable, kCorrupt (no HTTP).
  static asio::awaitable<Result<HttpStream>> Open(Url url, const HttpRequest& request);
  HttpStream(HttpStream&&) noexcept;
  HttpStream& operator=(HttpStream&&) = delete;
  ~HttpStream();  ///< closes the connection

  int status() const;
  /// A header's value; empty where there is none.
  std::string header(std::string_view name) const;
  /// The media type of the body without its parameters, in lower case.
  std::string content_type() const;

  /// The next piece of the body; empty at its end. Errors: kUnavailable, kCorrupt.
  asio::awaitable<Result<std::string>> Read();
  /// The rest of the body. Errors: as Read; kCorrupt when it is longer than `max_bytes`.
  asio::awaitable<Result<std::string>> ReadAll(std::size_t max_bytes);

 private:
  struct Core;
  explicit HttpStream(std::unique_ptr<Core> core);
  static asio::awaitable<Result<HttpStream>> OpenOnce(const Url& url, const HttpRequest& request);

  std::unique_ptr<Core> core_;
};

}  // namespace strata::mcp
