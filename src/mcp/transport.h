// How messages get to a server and back. All of it on the session's strand.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mcp/message.h"
#include "mcp/param_headers.h"
#include "mcp/server_config.h"
#include "mcp/tasks.h"

namespace strata::mcp {

struct OutgoingRequest {
  std::int64_t id = 0;
  std::string method;
  std::string text;  ///< the whole message
  Headers headers;   ///< for transports that have headers: Mcp-Name, Mcp-Param-…
};

class Transport {
 public:
  /// Gets what a server says on its own: requests and notifications.
  using Incoming = std::function<void(Message&&)>;

  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Starts or reaches the server. Errors: kUnavailable, kCorrupt.
  virtual asio::awaitable<Status> Open(Incoming incoming) = 0;

  /// Sends a request and gives its response, which may be an error of the server's. Whoever no longer wants it cancels
  /// the coroutine. Errors: kUnavailable, kCorrupt (an answer that is none), kNotFound (the server has forgotten the
  /// session: nothing was done).
  virtual asio::awaitable<Result<Message>> Exchange(OutgoingRequest request) = 0;

  /// Sends a notification or a response. Errors as Exchange.
  virtual asio::awaitable<Status> Send(std::string text) = 0;

  /// What both speak from now on.
  virtual void SetVersion(std::string_view version) = 0;

  /// The handshake is over: a server that speaks a legacy protocol may now be listened to.
  virtual void Listen() {}

  /// Whether the server learns from the transport that a request is not wanted any more; else it has to be told.
  virtual bool cancels_by_closing() const { return false; }

  /// Why nothing can be sent any more; empty while it can.
  virtual const std::string& broken() const = 0;

  /// Ends the session within a few seconds. What still waits fails with kUnavailable.
  virtual asio::awaitable<void> Close() = 0;
  /// The same at once, without a word to the server.
  virtual void Abort() = 0;
};

/// For config.transport.
std::shared_ptr<Transport> MakeTransport(const asio::any_io_executor& strand, const ServerConfig& config);

}  // namespace strata::mcp
