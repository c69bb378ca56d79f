// Streamable HTTP: each message is a POST, whose answer is JSON or a stream of events (protocol 2025-03-26 to
// 2026-07-28, "Streamable HTTP"). Up to 2025-11-25 there may be a session, streams can be resumed, and a GET lets the
// server speak.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mcp/http_stream.h"
#include "mcp/sse_parser.h"
#include "mcp/transport.h"
#include "mcp/url.h"

namespace strata::mcp {

class HttpConnection : public Transport, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(const asio::any_io_executor& strand, HttpTransport config, std::string label);

  asio::awaitable<Status> Open(Incoming incoming) override;
  asio::awaitable<Result<Message>> Exchange(OutgoingRequest request) override;
  asio::awaitable<Status> Send(std::string text) override;
  void SetVersion(std::string_view version) override { version_ = version; }
  void Listen() override;
  bool cancels_by_closing() const override;
  const std::string& broken() const override { return broken_; }
  asio::awaitable<void> Close() override;
  void Abort() override;

 private:
  Headers CommonHeaders() const;
  asio::awaitable<Result<HttpStream>> Post(std::string text, Headers headers);
  asio::awaitable<Result<HttpStream>> Get(const std::string& last_event_id);

  /// The response of request `id` in a body of JSON.
  asio::awaitable<Result<Message>> FromJson(HttpStream stream, std::int64_t id);
  /// The response of request `id` in a stream, which is asked for again where it breaks off and can be.
  asio::awaitable<Result<Message>> FromEvents(HttpStream stream, std::int64_t id);
  /// Reads one connection of a stream to its end or to the response of `id`; none: the stream ended.
  asio::awaitable<Result<std::optional<Message>>> ReadEvents(HttpStream& stream, SseParser& parser,
                                                             std::optional<std::int64_t> id);
  /// A refusal: the JSON-RPC error in its body, or an Error.
  asio::awaitable<Result<Message>> FromRefusal(HttpStream stream);
  /// Hands up what is no response; the response of `id`, if it is among them.
  Result<std::optional<Message>> Sort(std::string_view text, std::optional<std::int64_t> id);
  static asio::awaitable<void> ListenLoop(std::shared_ptr<HttpConnection> self);

  asio::any_io_executor strand_;
  HttpTransport config_;
  std::string label_;
  Url url_;
  Incoming incoming_;
  std::string version_;
  std::string session_id_;
  std::string broken_;
  TaskGroup tasks_;
};

}  // namespace strata::mcp
