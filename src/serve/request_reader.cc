#include "serve/request_reader.h"

#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

namespace strata::serve {

namespace asio = boost::asio;
namespace http = boost::beast::http;

RequestReader::RequestReader(ClientSocket& socket, boost::beast::flat_buffer& buffer, const Limits& limits)
    : socket_(socket), buffer_(buffer), limits_(limits) {
  parser_.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser_.body_limit(limits.body_bytes);
}

template <class Done>
asio::awaitable<RequestReader::Outcome> RequestReader::Parse(Done done) {
  boost::system::error_code error;
  while (!done()) {
    if (buffer_.size() > 0) {
      buffer_.consume(parser_.put(buffer_.data(), error));
      if (error && error != http::error::need_more) co_return Refuse(error);
      if (done()) break;
      if (!error) continue;  // there may be more in the buffer than it wanted at once
    }
    error = co_await socket_.Read(buffer_);
    if (error == asio::error::timed_out) {
      error_ = {.status = 408,
                .message = fmt::format("The request did not arrive within {} ms.", limits_.whole.count()),
                .code = "request_timeout"};
      co_return Outcome::kBad;
    }
    if (error) co_return Outcome::kClosed;
  }
  co_return Outcome::kRead;
}

asio::awaitable<RequestReader::Outcome> RequestReader::ReadHeader() {
  const auto skip_empty_lines = [&] {  // RFC 9112, 2.2: a server should ignore those before the request line
    while (buffer_.size() > 0) {
      const char c = *static_cast<const char*>(buffer_.data().data());
      if (c != '\r' && c != '\n') return;
      buffer_.consume(1);
    }
  };
  skip_empty_lines();
  if (buffer_.size() == 0) {
    socket_.LimitReads(limits_.first_byte);
    while (buffer_.size() == 0) {
      if (co_await socket_.Read(buffer_)) co_return Outcome::kClosed;
      skip_empty_lines();
    }
  }
  socket_.LimitReads(limits_.whole);
  parser_.eager(false);
  const Outcome outcome = co_await Parse([this] { return parser_.is_header_done(); });
  if (outcome == Outcome::kRead && !is_http_1_0() && parser_.get().count(http::field::host) != 1) {
    error_ = {.message = "The request must have exactly one Host header.", .code = "bad_request"};
    co_return Outcome::kBad;
  }
  co_return outcome;
}

RequestReader::Outcome RequestReader::LimitBody(std::size_t bytes, ClientSocket::Milliseconds time) {
  limits_.body_bytes = bytes;
  limits_.whole = time;
  socket_.LimitReads(time);
  // The parser compares a known length when the header ends, which has been.
  if (const auto length = parser_.content_length(); length && *length > bytes) return Refuse(http::error::body_limit);
  parser_.body_limit(bytes);
  return Outcome::kRead;
}

asio::awaitable<RequestReader::Outcome> RequestReader::ReadBody() {
  parser_.eager(true);
  return Parse([this] { return parser_.is_done(); });
}

bool RequestReader::expects_continue() const {
  return boost::beast::iequals(parser_.get()[http::field::expect], "100-continue");
}

HttpRequest RequestReader::TakeHeader() const {
  const auto& message = parser_.get();
  const auto field = [&](auto name) { return std::string(message[name]); };
  std::string authorization = field(http::field::authorization);
  // Anthropic's header for the key.
  if (const std::string key = field("X-Api-Key"); authorization.empty() && !key.empty())
    authorization = "Bearer " + key;
  return {.method = std::string(message.method_string()),
          .path = DecodePath(message.target()),
          .query = std::string(QueryOf(message.target())),
          .content_type = field(http::field::content_type),
          .authorization = std::move(authorization),
          .origin = field(http::field::origin),
          .accept = field(http::field::accept),
          .mcp = {.protocol_version = field("MCP-Protocol-Version"),
                  .session_id = field("Mcp-Session-Id"),
                  .method = field("Mcp-Method"),
                  .name = field("Mcp-Name")},
          .request_id = field("X-Request-Id"),
          .preflight_headers = field(http::field::access_control_request_headers),
          .body = {}};
}

RequestReader::Outcome RequestReader::Refuse(const boost::system::error_code& error) {
  if (error == http::error::body_limit) {
    error_ = {.status = 413,
              .message = fmt::format("The body is larger than {} bytes.", limits_.body_bytes),
              .code = "body_too_large"};
  } else if (error == http::error::header_limit) {
    error_ = {.status = 431,
              .message = fmt::format("The header is larger than {} bytes.", limits_.header_bytes),
              .code = "header_too_large"};
  } else {
    error_ = {.message = "The request is not valid HTTP/1.1: " + error.message(), .code = "bad_request"};
  }
  return Outcome::kBad;
}

}  // namespace strata::serve
