#include "eval/api_client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace strata::eval {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Json = nlohmann::ordered_json;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t kMaxReplyBytes = 64 << 20;
constexpr int kLongestWait = 60;  // seconds

std::unexpected<Error> IoError(std::string_view what, const beast::error_code& error) {
  return Fail(ErrorCode::kIo, "{}: {}", what, error.message());
}

/// One request over an open stream.
template <class Stream>
asio::awaitable<Result<Response>> Ask(Stream& stream, const Request& request) {
  if (const auto [error, bytes] = co_await http::async_write(stream, request, kAwait); error) {
    co_return IoError("cannot send", error);
  }
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxReplyBytes);
  if (const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kAwait); error) {
    co_return IoError("no answer", error);
  }
  co_return parser.release();
}

std::optional<int> SecondsOf(std::string_view text) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::min(seconds, kLongestWait);
}

/// {"error": {"message": …}} in its own words; else the beginning of what came.
std::string ErrorText(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error")) {
    const Json& error = json["error"];
    if (error.is_object() && error.contains("message") && error["message"].is_string()) return error["message"];
    if (error.is_string()) return error;
  }
  return body.substr(0, 300);
}

}  // namespace

struct ApiClient::Tls {
  asio::ssl::context context{asio::ssl::context::tls_client};
};

struct ApiClient::Reply {
  unsigned status = 0;
  std::string body;
  std::optional<int> retry_after = {};  ///< seconds
};

Result<Endpoint> ParseEndpoint(std::string_view base_url) {
  const auto bad = [&] {
    return Fail(ErrorCode::kInvalidArgument, "{}: not an address like http://127.0.0.1:8000/v1", base_url);
  };
  Endpoint endpoint;
  std::string_view rest = base_url;
  if (rest.starts_with("https://")) {
    endpoint.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad();
  }
  const std::string_view authority = rest.substr(0, rest.find('/'));
  endpoint.path = rest.substr(authority.size());
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  // An IPv6 address stands in brackets: its colons separate no port.
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  endpoint.host = authority.substr(0, colon);
  if (bracket != std::string_view::npos) endpoint.host = authority.substr(1, bracket - 1);
  endpoint.port = endpoint.tls ? "443" : "80";
  if (colon != std::string_view::npos) endpoint.port = authority.substr(colon + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (endpoint.host.empty() || endpoint.port.empty() || !std::ranges::all_of(endpoint.port, digit)) return bad();
  if (authority.contains('@') || rest.contains('?') || rest.contains('#')) return bad();
  return endpoint;
}

ApiClient::ApiClient(Endpoint endpoint, std::string key, std::chrono::milliseconds timeout)
    : endpoint_(std::move(endpoint)),
      key_(std::move(key)),
      timeout_(timeout),
      tls_(endpoint_.tls ? std::make_unique<Tls>() : nullptr) {
  if (!tls_) return;
  beast::error_code error;
  tls_->context.set_default_verify_paths(error);  // without authorities every handshake fails, and says so
  tls_->context.set_verify_mode(asio::ssl::verify_peer, error);
}

ApiClient::~ApiClient() = default;

asio::awaitable<Result<ApiClient::Reply>> ApiClient::Exchange(const std::string& path, const std::string& body) const {
  const auto executor = co_await asio::this_coro::executor;
  const std::string where = fmt::format("{}:{}", endpoint_.host, endpoint_.port);
  tcp::resolver resolver(executor);
  const auto [unknown, addresses] = co_await resolver.async_resolve(endpoint_.host, endpoint_.port, kAwait);
  if (unknown) co_return IoError(fmt::format("cannot find {}", endpoint_.host), unknown);
  beast::tcp_stream socket(executor);
  socket.expires_after(timeout_);
  if (const auto [error, address] = co_await socket.async_connect(addresses, kAwait); error) {
    co_return IoError(fmt::format("cannot connect to {}", where), error);
  }
  Request request(body.empty() ? http::verb::get : http::verb::post, endpoint_.path + path, 11);
  request.set(http::field::host, where);
  request.set(http::field::accept, "application/json");
  request.set(http::field::connection, "close");
  if (!key_.empty()) request.set(http::field::authorization, "Bearer " + key_);
  if (!body.empty()) {
    request.set(http::field::content_type, "application/json");
    request.body() = body;
  }
  request.prepare_payload();
  Result<Response> response = Response();
  if (tls_) {
    beast::ssl_stream<beast::tcp_stream> secure(std::move(socket), tls_->context);
    secure.set_verify_callback(asio::ssl::host_name_verification(endpoint_.host));
    SSL_set_tlsext_host_name(secure.native_handle(), endpoint_.host.c_str());
    if (const auto [error] = co_await secure.async_handshake(asio::ssl::stream_base::client, kAwait); error) {
      co_return IoError(fmt::format("no secure connection to {}", where), error);
    }
    response = co_await Ask(secure, request);
  } else {
    response = co_await Ask(socket, request);
  }
  if (!response) co_return std::unexpected(std::move(response).error().Wrap(where));
  Reply reply{.status = response->result_int(), .body = std::move(response->body())};
  reply.retry_after = SecondsOf((*response)[http::field::retry_after]);
  co_return reply;
}

asio::awaitable<Result<Json>> ApiClient::Send(std::string path, Json body) const {
  const std::string text = body.is_null() ? "" : body.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (int attempt = 0;; ++attempt) {
    Result<Reply> reply = co_await Exchange(path, text);
    if (!reply) co_return std::unexpected(std::move(reply).error());
    const bool busy = reply->status == 429 || reply->status == 503;
    if (busy && attempt + 1 < kMaxTries) {
      asio::steady_timer timer(co_await asio::this_coro::executor);
      timer.expires_after(std::chrono::seconds(reply->retry_after.value_or(1 << attempt)));
      co_await timer.async_wait(kAwait);
      continue;
    }
    if (reply->status != 200) {
      co_return Fail(ErrorCode::kInvalidArgument, "status {}: {}", reply->status, ErrorText(reply->body));
    }
    Json json = Json::parse(reply->body, nullptr, false);
    if (json.is_discarded()) co_return Fail(ErrorCode::kIo, "the answer is not JSON: {}", reply->body.substr(0, 100));
    co_return json;
  }
}

}  // namespace strata::eval
