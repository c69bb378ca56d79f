// A client's socket with time limits: every read and write either moves bytes before its limit or says so. Lives on one
// executor (a strand); nothing here may be called from another.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

namespace strata::serve {

namespace asio = boost::asio;

class ClientSocket {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using ErrorCode = boost::system::error_code;

  explicit ClientSocket(asio::ip::tcp::socket socket);
  ~ClientSocket();  ///< closes it
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  asio::any_io_executor executor();

  /// From now on reads fail with error::timed_out when `limit` has passed in all.
  void LimitReads(Milliseconds limit);
  /// Appends what has come to `buffer`. Errors: error::eof, error::timed_out, or the system's.
  asio::awaitable<ErrorCode> Read(boost::beast::flat_buffer& buffer);

  /// Writes everything. Errors: error::timed_out when the client took no byte for `stall`, or the system's.
  asio::awaitable<ErrorCode> Write(std::string_view data, Milliseconds stall);

  /// Calls `on_gone` once when the client closes or breaks the connection, also while nothing is read or written. Bytes
  /// that a client sends ahead (a pipelined request) stay where they are. Until StopWatching.
  void Watch(std::function<void()> on_gone);
  void StopWatching();

  /// Sends FIN, then takes what the client still sends for at most `limit`: a close with unread bytes would send RST,
  /// which can destroy the response before the client has read it.
  asio::awaitable<void> CloseGently(Milliseconds limit);

 private:
  // Shared with pending timers and the watcher, which may outlive this object for a moment.
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace strata::serve
