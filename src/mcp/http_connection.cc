#include "mcp/http_connection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "mcp/protocol.h"

namespace strata::mcp {
namespace {

namespace http = boost::beast::http;
using std::chrono::milliseconds;

constexpr std::size_t kMaxRefusalBytes = 64 << 10;
constexpr std::size_t kMaxSessionIdBytes = 1024;
// Between two attempts at a stream, where the server names no time itself.
constexpr milliseconds kRetry{1000};
constexpr milliseconds kMaxRetry{60'000};
// Times that a stream is asked for again without having given anything.
constexpr int kMaxResumes = 5;
// For the last word to a server: nobody waits longer to close.
constexpr milliseconds kGoodbye{2000};

bool IsSessionId(std::string_view id) {
  return id.size() <= kMaxSessionIdBytes &&
         std::ranges::all_of(id, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

/// Doubles up to a minute, so that a server that is down is not asked all the time.
milliseconds Backoff(int failures) { return std::min(kMaxRetry, kRetry * (1 << std::min(failures, 6))); }

}  // namespace

HttpConnection::HttpConnection(const asio::any_io_executor& strand, HttpTransport config, std::string label)
    : strand_(strand), config_(std::move(config)), label_(std::move(label)), tasks_(strand) {}

asio::awaitable<Status> HttpConnection::Open(Incoming incoming) {
  incoming_ = std::move(incoming);
  Result<Url> url = ParseUrl(config_.url);
  if (!url) co_return std::unexpected(std::move(url).error());
  url_ = std::move(*url);
  co_return Status();
}

bool HttpConnection::cancels_by_closing() const { return version_ == kModernVersion; }

Headers HttpConnection::CommonHeaders() const {
  Headers headers = config_.headers;
  if (!version_.empty()) headers.emplace_back("MCP-Protocol-Version", version_);
  if (!session_id_.empty()) headers.emplace_back("Mcp-Session-Id", session_id_);
  return headers;
}

asio::awaitable<Result<HttpStream>> HttpConnection::Post(std::string text, Headers headers) {
  if (!broken_.empty()) co_return Fail(ErrorCode::kUnavailable, "{}", broken_);
  HttpRequest request{.method = http::verb::post, .headers = CommonHeaders(), .body = std::move(text)};
  request.headers.emplace_back("Content-Type", "application/json");
  request.headers.emplace_back("Accept", "application/json, text/event-stream");
  for (auto& header : headers) request.headers.push_back(std::move(header));
  const bool had_session = !session_id_.empty();
  auto stream = co_await HttpStream::Open(url_, request);
  if (stream && stream->status() == 404 && had_session) {
    broken_ = "the server has forgotten the session";
    co_return Fail(ErrorCode::kNotFound, "{}", broken_);
  }
  co_return stream;
}

asio::awaitable<Result<HttpStream>> HttpConnection::Get(const std::string& last_event_id) {
  HttpRequest request{.method = http::verb::get, .headers = CommonHeaders(), .body = {}};
  request.headers.emplace_back("Accept", "text/event-stream");
  if (!last_event_id.empty()) request.headers.emplace_back("Last-Event-ID", last_event_id);
  co_return co_await HttpStream::Open(url_, request);
}

asio::awaitable<Result<Message>> HttpConnection::Exchange(OutgoingRequest request) {
  Headers headers;
  if (version_ == kModernVersion) {
    headers = std::move(request.headers);
    headers.emplace_back("Mcp-Method", request.method);
  }
  auto stream = co_await Post(std::move(request.text), std::move(headers));
  if (!stream) co_return std::unexpected(std::move(stream).error());
  if (stream->status() / 100 != 2) co_return co_await FromRefusal(std::move(*stream));
  // Only the handshake of a legacy protocol begins a session.
  if (request.method == "initialize") {
    session_id_ = stream->header("Mcp-Session-Id");
    if (!IsSessionId(session_id_)) co_return Fail(ErrorCode::kCorrupt, "the server's session id is no session id");
  }
  const std::string type = stream->content_type();
  if (type == "text/event-stream") co_return co_await FromEvents(std::move(*stream), request.id);
  if (type == "application/json") co_return co_await FromJson(std::move(*stream), request.id);
  co_return Fail(ErrorCode::kCorrupt, "the server answered {} with HTTP {} and {}", request.method, stream->status(),
                 type.empty() ? "nothing" : type);
}

asio::awaitable<Status> HttpConnection::Send(std::string text) {
  const auto stream = co_await Post(std::move(text), {});
  if (!stream) co_return std::unexpected(stream.error());
  if (stream->status() / 100 == 2) co_return Status();
  co_return Fail(ErrorCode::kCorrupt, "the server refused a notification: HTTP {}", stream->status());
}

Result<std::optional<Message>> HttpConnection::Sort(std::string_view text, std::optional<std::int64_t> id) {
  STRATA_TRY(std::vector<Message> messages, ParseMessages(text));
  std::optional<Message> response;
  for (Message& message : messages) {
    if (!message.is_response()) {
      incoming_(std::move(message));
    } else if (id && (message.id == *id || (message.kind == Message::Kind::kError && message.id.is_null()))) {
      response = std::move(message);
    } else {
      LogDebug("mcp {}: a response that nobody waits for", label_);
    }
  }
  return response;
}

asio::awaitable<Result<Message>> HttpConnection::FromJson(HttpStream stream, std::int64_t id) {
  const auto body = co_await stream.ReadAll(kMaxMessageBytes);
  if (!body) co_return std::unexpected(body.error());
  auto response = Sort(*body, id);
  if (!response) co_return std::unexpected(std::move(response).error());
  if (!*response) co_return Fail(ErrorCode::kCorrupt, "the server answered with something else than the response");
  co_return std::move(**response);
}

asio::awaitable<Result<std::optional<Message>>> HttpConnection::ReadEvents(HttpStream& stream, SseParser& parser,
                                                                           std::optional<std::int64_t> id) {
  while (true) {
    const auto piece = co_await stream.Read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return std::nullopt;
    auto events = parser.Push(*piece);
    if (!events) co_return std::unexpected(std::move(events).error());
    for (const SseEvent& event : *events) {
      if (event.data.empty() || event.type != "message") continue;
      auto response = Sort(event.data, id);
      if (!response || *response) co_return response;
    }
  }
}

asio::awaitable<Result<Message>> HttpConnection::FromEvents(HttpStream first, std::int64_t id) {
  std::optional<HttpStream> stream(std::move(first));
  std::string last_event_id;
  milliseconds wait = kRetry;
  for (int resumes = 0;; ++resumes) {
    if (stream) {
      SseParser parser(kMaxMessageBytes);
      auto response = co_await ReadEvents(*stream, parser, id);
      if (response && *response) co_return std::move(**response);
      if (!response && response.error().code() != ErrorCode::kUnavailable) {
        co_return std::unexpected(std::move(response).error());
      }
      if (!parser.last_event_id().empty() && parser.last_event_id() != last_event_id) {
        last_event_id = parser.last_event_id();
        resumes = 0;
      }
      wait = parser.retry().value_or(kRetry);
    }
    if (last_event_id.empty() || version_ == kModernVersion || resumes >= kMaxResumes) {
      co_return Fail(ErrorCode::kUnavailable, "the server ended the stream before the response");
    }
    stream.reset();
    co_await Sleep(wait);
    auto resumed = co_await Get(last_event_id);
    if (!resumed) continue;
    if (resumed->status() != 200 || resumed->content_type() != "text/event-stream") {
      co_return Fail(ErrorCode::kUnavailable, "the server does not resume its stream: HTTP {}", resumed->status());
    }
    stream.emplace(std::move(*resumed));
  }
}

asio::awaitable<Result<Message>> HttpConnection::FromRefusal(HttpStream stream) {
  const int status = stream.status();
  const std::string challenge = stream.header("WWW-Authenticate");
  const auto body = co_await stream.ReadAll(kMaxRefusalBytes);
  const std::string text = body ? *body : std::string();
  if (auto messages = ParseMessages(text); messages && messages->front().kind == Message::Kind::kError) {
    co_return std::move(messages->front());
  }
  if (status == 401 || status == 403) {
    co_return Fail(ErrorCode::kUnavailable, "the server wants other credentials (HTTP {}{}{})", status,
                   challenge.empty() ? "" : ", ", Excerpt(challenge));
  }
  // Not 500: that is how some older servers answer what they do not know.
  const bool passing = status == 408 || status == 429 || status > 500;
  co_return Fail(passing ? ErrorCode::kUnavailable : ErrorCode::kCorrupt, "the server answered HTTP {}: {}", status,
                 Excerpt(text));
}

void HttpConnection::Listen() { tasks_.Spawn(ListenLoop(shared_from_this())); }

asio::awaitable<void> HttpConnection::ListenLoop(std::shared_ptr<HttpConnection> self) {
  std::string last_event_id;
  for (int failures = 0; self->broken_.empty();) {
    milliseconds wait = Backoff(failures++);
    auto stream = co_await self->Get(last_event_id);
    if (stream && stream->status() == 200 && stream->content_type() == "text/event-stream") {
      SseParser parser(kMaxMessageBytes);
      if (const auto end = co_await self->ReadEvents(*stream, parser, std::nullopt); !end) {
        LogDebug("mcp {}: the stream broke: {}", self->label_, end.error().message());
      }
      if (!parser.last_event_id().empty()) last_event_id = parser.last_event_id();
      wait = parser.retry().value_or(kRetry);
      failures = 0;
    } else if (stream && stream->status() < 500) {
      co_return;  // most servers have nothing to say on their own: 405
    }
    co_await Sleep(wait);
  }
}

asio::awaitable<void> HttpConnection::Close() {
  const auto self = shared_from_this();
  Abort();
  if (session_id_.empty()) co_return;
  const HttpRequest request{.method = http::verb::delete_, .headers = CommonHeaders(), .body = {}};
  Interrupt limit(strand_, kGoodbye, {}, "ending the session");
  const auto ended = co_await Until(limit, HttpStream::Open(url_, request));
  if (!ended) LogDebug("mcp {}: {}", label_, ended.error().message());
}

void HttpConnection::Abort() {
  if (broken_.empty()) broken_ = "the connection was closed";
  tasks_.Cancel();
}

}  // namespace strata::mcp
