#include "mcp/http_stream.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <tuple>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace strata::mcp {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::uint32_t kMaxHeaderBytes = 64 << 10;
constexpr int kMaxRedirects = 3;
constexpr int kMaxInterim = 8;  // responses of status 1xx before the real one

std::string RequestText(const Url& url, const HttpRequest& request) {
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: strata/{}\r\nConnection: close\r\n",
                  std::string_view(http::to_string(request.method)), url.target, url.authority(), STRATA_VERSION);
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (request.method == http::verb::post) text += fmt::format("Content-Length: {}\r\n", request.body.size());
  text += "\r\n";
  text += request.body;
  return text;
}

/// Looks the host up. The operating system's lookup cannot be interrupted: whoever waits for it can, and it ends alone.
asio::awaitable<Result<tcp::resolver::results_type>> Resolve(const Url& url) {
  struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
    tcp::resolver resolver;
    Event done;
    error_code error;
    std::optional<tcp::resolver::results_type> results;
  };
  const auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->resolver.async_resolve(url.host, url.port, [lookup](error_code error, tcp::resolver::results_type results) {
    lookup->error = error;
    lookup->results = std::move(results);
    lookup->done.NotifyAll();
  });
  while (!lookup->results) co_await lookup->done.Wait();
  if (lookup->error) co_return Fail(ErrorCode::kUnavailable, "cannot find {}: {}", url.host, lookup->error.message());
  co_return std::move(*lookup->results);
}

/// One for the process: reading the system's certificates takes tens of milliseconds.
asio::ssl::context& TlsContext() {
  static asio::ssl::context context = [] {
    asio::ssl::context made(asio::ssl::context::tls_client);
    made.set_default_verify_paths();
    made.set_verify_mode(asio::ssl::verify_peer);
    return made;
  }();
  return context;
}

}  // namespace

struct HttpStream::Core {
  explicit Core(tcp::socket s) : socket(std::move(s)) {}

  tcp::socket socket;
  std::unique_ptr<asio::ssl::stream<tcp::socket&>> tls;
  boost::beast::flat_buffer buffer;
  std::optional<http::response_parser<http::string_body>> parser;
  bool at_end = false;  ///< the server has closed its side

  void StartParser() {
    parser.emplace();
    parser->header_limit(kMaxHeaderBytes);
    parser->body_limit(boost::none);  // of a stream of events there is no end; Read bounds what is held
    parser->eager(true);
  }

  asio::awaitable<Status> Handshake(const std::string& host) {
    tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(socket, TlsContext());
    tls->set_verify_callback(asio::ssl::host_name_verification(host));
    error_code no_address;
    asio::ip::make_address(host, no_address);
    // RFC 6066, section 3: names only.
    if (no_address && SSL_set_tlsext_host_name(tls->native_handle(), host.c_str()) != 1) {
      co_return Fail(ErrorCode::kIo, "cannot set up TLS for {}", host);
    }
    const auto [error] = co_await tls->async_handshake(asio::ssl::stream_base::client, kAwait);
    if (!error) co_return Status();
    const long verdict = SSL_get_verify_result(tls->native_handle());
    co_return Fail(ErrorCode::kUnavailable, "no TLS connection to {}: {}", host,
                   verdict == X509_V_OK ? error.message() : X509_verify_cert_error_string(verdict));
  }

  asio::awaitable<error_code> Write(std::string_view text) {
    if (tls) {
      const auto [error, count] = co_await asio::async_write(*tls, asio::buffer(text), kAwait);
      co_return error;
    }
    const auto [error, count] = co_await asio::async_write(socket, asio::buffer(text), kAwait);
    co_return error;
  }

  /// Appends what has come to the buffer. At the end of the stream nothing, and at_end is set.
  asio::awaitable<error_code> Fill() {
    const auto space = buffer.prepare(kReadBytes);
    error_code result;
    std::size_t count = 0;
    if (tls) {
      std::tie(result, count) = co_await tls->async_read_some(space, kAwait);
    } else {
      std::tie(result, count) = co_await socket.async_read_some(space, kAwait);
    }
    buffer.commit(count);
    // Servers that close without the closing alert of TLS are many; lengths and chunks say whether a body is whole.
    if (result == asio::error::eof || result == asio::ssl::error::stream_truncated) {
      at_end = true;
      result = {};
    }
    co_return result;
  }

  /// Feeds the parser with what is buffered. True when it made progress.
  Result<bool> Parse() {
    if (buffer.size() == 0) return false;
    error_code error;
    const std::size_t taken = parser->put(buffer.data(), error);
    buffer.consume(taken);
    if (error == http::error::need_more) error = {};
    if (error) return Fail(ErrorCode::kCorrupt, "the server's response is no HTTP: {}", error.message());
    return taken > 0;
  }

  asio::awaitable<Status> ReadHeader() {
    for (int interim = 0; interim < kMaxInterim; ++interim) {
      StartParser();
      while (!parser->is_header_done()) {
        auto parsed = Parse();
        if (!parsed) co_return std::unexpected(parsed.error());
        if (*parsed) continue;
        if (at_end) co_return Fail(ErrorCode::kUnavailable, "the server closed the connection without a response");
        if (const error_code error = co_await Fill()) {
          co_return Fail(ErrorCode::kUnavailable, "the connection broke: {}", error.message());
        }
      }
      if (parser->get().result_int() >= 200) co_return Status();
    }
    co_return Fail(ErrorCode::kCorrupt, "the server sends interim responses only");
  }
};

HttpStream::HttpStream(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream::~HttpStream() = default;

asio::awaitable<Result<HttpStream>> HttpStream::Open(Url url, const HttpRequest& request) {
  for (int redirects = 0;; ++redirects) {
    Result<HttpStream> stream = co_await OpenOnce(url, request);
    if (!stream || (stream->status() != 307 && stream->status() != 308)) co_return stream;
    const std::string location = stream->header("Location");
    const Result<Url> next = ResolveUrl(url, location);
    // Elsewhere nobody may see what the headers hold.
    if (!next || !next->SameOrigin(url) || redirects == kMaxRedirects) {
      co_return Fail(ErrorCode::kUnavailable, "{} redirects to {}, which is not followed", url.text,
                     location.empty() ? "nowhere" : location);
    }
    url = *next;
  }
}

asio::awaitable<Result<HttpStream>> HttpStream::OpenOnce(const Url& url, const HttpRequest& request) {
  auto endpoints = co_await Resolve(url);
  if (!endpoints) co_return std::unexpected(endpoints.error());
  auto core = std::make_unique<Core>(tcp::socket(co_await asio::this_coro::executor));
  const auto [refused, endpoint] = co_await asio::async_connect(core->socket, *endpoints, kAwait);
  if (refused) {
    co_return Fail(ErrorCode::kUnavailable, "cannot connect to {}: {}", url.authority(), refused.message());
  }
  error_code error;  // both are improvements only
  error = core->socket.set_option(tcp::no_delay(true), error);
  error = core->socket.set_option(asio::socket_base::keep_alive(true), error);
  if (url.tls) {
    if (Status secure = co_await core->Handshake(url.host); !secure)
      co_return std::unexpected(std::move(secure).error());
  }
  const std::string text = RequestText(url, request);
  if (const error_code broken = co_await core->Write(text)) {
    co_return Fail(ErrorCode::kUnavailable, "the connection to {} broke: {}", url.authority(), broken.message());
  }
  if (Status header = co_await core->ReadHeader(); !header) co_return std::unexpected(std::move(header).error());
  co_return HttpStream(std::move(core));
}

int HttpStream::status() const { return static_cast<int>(core_->parser->get().result_int()); }

std::string HttpStream::header(std::string_view name) const {
  const auto& fields = core_->parser->get();
  const auto found = fields.find(boost::beast::string_view(name.data(), name.size()));
  return found == fields.end() ? std::string() : std::string(found->value());
}

std::string HttpStream::content_type() const {
  std::string type = header("Content-Type");
  type.resize(std::min(type.find(';'), type.size()));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

asio::awaitable<Result<std::string>> HttpStream::Read() {
  std::string& body = core_->parser->get().body();
  while (true) {
    if (!body.empty()) co_return std::exchange(body, {});
    if (core_->parser->is_done()) co_return std::string();
    const Result<bool> parsed = core_->Parse();
    if (!parsed) co_return std::unexpected(parsed.error());
    if (*parsed) continue;
    if (core_->at_end) {
      error_code error;
      core_->parser->put_eof(error);
      if (error)
        co_return Fail(ErrorCode::kUnavailable, "the server closed the connection in the middle of a response");
      continue;
    }
    if (const error_code error = co_await core_->Fill()) {
      co_return Fail(ErrorCode::kUnavailable, "the connection broke: {}", error.message());
    }
  }
}

asio::awaitable<Result<std::string>> HttpStream::ReadAll(std::size_t max_bytes) {
  std::string body;
  while (true) {
    Result<std::string> piece = co_await Read();
    if (!piece) co_return piece;
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > max_bytes) {
      co_return Fail(ErrorCode::kCorrupt, "a response of more than {} bytes", max_bytes);
    }
    body += *piece;
  }
}

}  // namespace strata::mcp
