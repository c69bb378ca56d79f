// Reads one HTTP/1.1 request from a socket, within bounds of size and time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "serve/api_error.h"
#include "serve/client_socket.h"
#include "serve/http.h"

namespace strata::serve {

class RequestReader {
 public:
  struct Limits {
    std::size_t header_bytes, body_bytes;
    ClientSocket::Milliseconds first_byte;  ///< until something comes
    ClientSocket::Milliseconds whole;       ///< from then until the body is complete
  };
  enum class Outcome {
    kRead,
    kClosed,  ///< the client is gone or silent: nobody to answer
    kBad,     ///< error() is to be answered, then the connection ends
  };

  /// `buffer` carries bytes that came ahead from one request to the next.
  RequestReader(ClientSocket& socket, boost::beast::flat_buffer& buffer, const Limits& limits);

  boost::asio::awaitable<Outcome> ReadHeader();
  /// After kRead of ReadHeader: everything but the body.
  HttpRequest TakeHeader() const;
  bool keep_alive() const { return parser_.get().keep_alive(); }
  bool is_http_1_0() const { return parser_.get().version() < 11; }
  bool expects_continue() const;
  bool has_body() const { return !parser_.is_done(); }

  /// Before ReadBody: what its limits are for this route; body_bytes was the largest of all routes. kBad: it is larger.
  Outcome LimitBody(std::size_t bytes, ClientSocket::Milliseconds time);
  boost::asio::awaitable<Outcome> ReadBody();
  std::string TakeBody() { return std::move(parser_.get().body()); }

  const ApiError& error() const { return error_; }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  /// Feeds the parser until `done` says so.
  template <class Done>
  boost::asio::awaitable<Outcome> Parse(Done done);
  Outcome Refuse(const boost::system::error_code& error);

  ClientSocket& socket_;
  boost::beast::flat_buffer& buffer_;
  Limits limits_;
  Parser parser_;
  ApiError error_;
};

}  // namespace strata::serve
