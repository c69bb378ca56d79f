#include "mcp/sse_connection.h"

#include <utility>

#include "base/log.h"
#include "mcp/protocol.h"

namespace strata::mcp {

namespace http = boost::beast::http;

SseConnection::SseConnection(const asio::any_io_executor& strand, HttpTransport config, std::string label)
    : config_(std::move(config)), label_(std::move(label)), pending_(strand), opened_(strand), tasks_(strand) {}

asio::awaitable<Status> SseConnection::Open(Incoming incoming) {
  const auto self = shared_from_this();
  incoming_ = std::move(incoming);
  Result<Url> url = ParseUrl(config_.url);
  if (!url) co_return std::unexpected(std::move(url).error());
  stream_url_ = std::move(*url);
  HttpRequest request{.method = http::verb::get, .headers = config_.headers, .body = {}};
  request.headers.emplace_back("Accept", "text/event-stream");
  auto stream = co_await HttpStream::Open(stream_url_, request);
  if (!stream) co_return std::unexpected(std::move(stream).error());
  if (stream->status() != 200 || stream->content_type() != "text/event-stream") {
    co_return Fail(ErrorCode::kUnavailable, "{} gives no stream of events: HTTP {}", stream_url_.text,
                   stream->status());
  }
  tasks_.Spawn(ReadStream(self, std::move(*stream)));
  while (!has_endpoint_ && broken_.empty()) co_await opened_.Wait();
  if (!broken_.empty()) co_return Fail(ErrorCode::kUnavailable, "{}", broken_);
  co_return Status();
}

asio::awaitable<void> SseConnection::ReadStream(std::shared_ptr<SseConnection> self, HttpStream stream) {
  SseParser parser(kMaxMessageBytes);
  std::string why = "the server ended its stream";
  while (self->broken_.empty()) {
    const auto piece = co_await stream.Read();
    if (!piece) why = piece.error().message();
    if (!piece || piece->empty()) break;
    const auto events = parser.Push(*piece);
    if (!events) {
      why = events.error().message();
      break;
    }
    Status status;
    for (const SseEvent& event : *events) {
      if (status) status = self->OnEvent(event);
    }
    if (!status) {
      why = status.error().message();
      break;
    }
  }
  self->Break(std::move(why));
}

Status SseConnection::OnEvent(const SseEvent& event) {
  if (event.type == "endpoint") {
    if (has_endpoint_) return {};
    STRATA_TRY(post_url_, ResolveUrl(stream_url_, event.data));
    // Else a server could make its client send the operator's headers anywhere.
    if (!post_url_.SameOrigin(stream_url_)) {
      return Fail(ErrorCode::kCorrupt, "the server's endpoint {} is not at its own origin", post_url_.text);
    }
    has_endpoint_ = true;
    opened_.NotifyAll();
    return {};
  }
  if (event.type != "message" || event.data.empty()) return {};
  STRATA_TRY(std::vector<Message> messages, ParseMessages(event.data));
  for (Message& message : messages) {
    if (!message.is_response()) {
      incoming_(std::move(message));
    } else if (!pending_.Complete(std::move(message))) {
      LogDebug("mcp {}: a response that nobody waits for", label_);
    }
  }
  return {};
}

asio::awaitable<Result<Message>> SseConnection::Exchange(OutgoingRequest request) {
  PendingRequests::Ticket ticket(pending_, request.id);
  if (Status sent = co_await Send(std::move(request.text)); !sent) co_return std::unexpected(std::move(sent).error());
  co_return co_await ticket.Response();
}

asio::awaitable<Status> SseConnection::Send(std::string text) {
  if (!broken_.empty()) co_return Fail(ErrorCode::kUnavailable, "{}", broken_);
  HttpRequest request{.method = http::verb::post, .headers = config_.headers, .body = std::move(text)};
  request.headers.emplace_back("Content-Type", "application/json");
  if (!version_.empty()) request.headers.emplace_back("MCP-Protocol-Version", version_);
  const auto stream = co_await HttpStream::Open(post_url_, request);
  if (!stream) co_return std::unexpected(stream.error());
  if (stream->status() / 100 == 2) co_return Status();
  co_return Fail(ErrorCode::kUnavailable, "the server answered HTTP {}", stream->status());
}

void SseConnection::Break(std::string why) {
  if (!broken_.empty()) return;
  broken_ = std::move(why);
  opened_.NotifyAll();
  pending_.FailAll(Error(ErrorCode::kUnavailable, broken_));
}

asio::awaitable<void> SseConnection::Close() {
  Abort();
  co_return;
}

void SseConnection::Abort() {
  Break("the connection was closed");
  tasks_.Cancel();
}

}  // namespace strata::mcp
