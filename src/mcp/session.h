// One connection to a server whose protocol is agreed: requests and what the server says meanwhile. On one strand.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "mcp/client.h"
#include "mcp/transport.h"

namespace strata::mcp {

class Session : public std::enable_shared_from_this<Session> {
 public:
  /// Connects, finds out which protocol the server speaks, and shakes hands where that is needed.
  /// `on_tools_changed` is called when the list of tools may be another. Errors: kUnavailable, kCorrupt, kUnsupported.
  static asio::awaitable<Result<std::shared_ptr<Session>>> Open(const asio::any_io_executor& strand,
                                                                const ServerConfig& config, ClientHooks hooks,
                                                                std::function<void()> on_tools_changed);

  const ServerInfo& info() const { return info_; }
  bool has_tools() const { return has_tools_; }
  /// The server says so when its tools change.
  bool announces_changes() const { return announces_changes_; }
  /// Arguments may have to be sent as headers too.
  bool uses_param_headers() const { return modern_ && over_http_; }
  bool usable() const { return transport_->broken().empty(); }

  /// Sends a request and gives the response, a result or an error of the server's. Where the caller's coroutine is
  /// cancelled first, the server is told. Errors: as Transport::Exchange.
  asio::awaitable<Result<Message>> Request(std::string method, Json params, Headers headers = {},
                                           std::function<void(const Progress&)> on_progress = {});

  /// What the client's owner answers to a request of the server's. Errors: kUnsupported (there is no hook for it),
  /// kInvalidArgument, or the hook's own.
  asio::awaitable<Result<Json>> AskOwner(std::string method, Json params);

  asio::awaitable<void> Close();
  void Abort();

 private:
  /// A request that is on its way.
  class InFlight;

  Session(const asio::any_io_executor& strand, const ServerConfig& config, ClientHooks hooks,
          std::function<void()> on_tools_changed);

  asio::awaitable<Status> Connect(const ServerConfig& config);
  /// Whether the server speaks the stateless protocol; if so, `info_` is set.
  asio::awaitable<Result<bool>> Discover(const ServerConfig& config);
  asio::awaitable<Status> Initialize();
  Json Capabilities() const;
  static Json Identity();
  void TakeServerInfo(const Json& info);
  void TakeCapabilities(const Json& result);

  void OnIncoming(Message&& message);
  void OnNotification(const Message& message);
  static asio::awaitable<void> Answer(std::shared_ptr<Session> self, Message request);
  static asio::awaitable<void> Tell(std::shared_ptr<Session> self, std::string text);
  /// Keeps a subscription to changes of the list of tools.
  static asio::awaitable<void> Subscribe(std::shared_ptr<Session> self);

  asio::any_io_executor strand_;
  std::string label_;
  ClientHooks hooks_;
  std::function<void()> on_tools_changed_;
  std::shared_ptr<Transport> transport_;
  bool over_http_;
  bool old_transport_;  ///< HTTP+SSE, which no server of the stateless protocol speaks
  ServerInfo info_;
  bool modern_ = false;
  bool has_tools_ = false;
  bool announces_changes_ = false;
  std::int64_t next_id_ = 1;
  std::map<std::int64_t, std::function<void(const Progress&)>> on_progress_;
  int running_hooks_ = 0;
  TaskGroup tasks_;
};

/// A server's error response to `method` as an Error.
Error ErrorOf(std::string_view method, const Message& response);

}  // namespace strata::mcp
