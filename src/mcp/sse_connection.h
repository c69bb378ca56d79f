// HTTP+SSE, the transport of protocol 2024-11-05: a GET opens the stream on which everything from the server comes; its
// first event names where to POST.
#pragma once

#include <memory>
#include <string>

#include "mcp/http_stream.h"
#include "mcp/pending.h"
#include "mcp/sse_parser.h"
#include "mcp/transport.h"
#include "mcp/url.h"

namespace strata::mcp {

class SseConnection : public Transport, public std::enable_shared_from_this<SseConnection> {
 public:
  SseConnection(const asio::any_io_executor& strand, HttpTransport config, std::string label);

  asio::awaitable<Status> Open(Incoming incoming) override;
  asio::awaitable<Result<Message>> Exchange(OutgoingRequest request) override;
  asio::awaitable<Status> Send(std::string text) override;
  void SetVersion(std::string_view version) override { version_ = version; }
  const std::string& broken() const override { return broken_; }
  asio::awaitable<void> Close() override;
  void Abort() override;

 private:
  static asio::awaitable<void> ReadStream(std::shared_ptr<SseConnection> self, HttpStream stream);
  Status OnEvent(const SseEvent& event);
  void Break(std::string why);

  HttpTransport config_;
  std::string label_;
  Incoming incoming_;
  Url stream_url_, post_url_;
  std::string version_;
  PendingRequests pending_;
  Event opened_;  ///< the endpoint is known, or the stream has broken
  bool has_endpoint_ = false;
  std::string broken_;
  TaskGroup tasks_;
};

}  // namespace strata::mcp
