// Messages as lines over a child's standard input and output (protocol 2025-11-25 and 2026-07-28, "stdio").
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "mcp/child_process.h"
#include "mcp/pending.h"
#include "mcp/transport.h"

namespace strata::mcp {

class StdioConnection : public Transport, public std::enable_shared_from_this<StdioConnection> {
 public:
  /// `label` is the server's name in the log.
  StdioConnection(const asio::any_io_executor& strand, StdioTransport config, std::string label);

  asio::awaitable<Status> Open(Incoming incoming) override;
  asio::awaitable<Result<Message>> Exchange(OutgoingRequest request) override;
  asio::awaitable<Status> Send(std::string text) override;
  void SetVersion(std::string_view) override {}
  const std::string& broken() const override { return broken_; }
  asio::awaitable<void> Close() override;
  void Abort() override;

 private:
  /// Puts a line into the queue of the writer.
  Status Enqueue(std::string text);
  static asio::awaitable<void> WriteLines(std::shared_ptr<StdioConnection> self);
  static asio::awaitable<void> ReadMessages(std::shared_ptr<StdioConnection> self);
  static asio::awaitable<void> ReadErrors(std::shared_ptr<StdioConnection> self);
  void OnLine(std::string_view line);
  void Break(std::string why);

  asio::any_io_executor strand_;
  StdioTransport config_;
  std::string label_;
  Incoming incoming_;
  std::unique_ptr<ChildProcess> child_;
  PendingRequests pending_;
  std::deque<std::string> unwritten_;
  std::size_t unwritten_bytes_ = 0;
  Event written_to_;        ///< the queue has a line
  std::string last_words_;  ///< the last line of standard error: often why it ended
  bool strayed_ = false;    ///< it has written something else than messages, and the log has said so
  std::string broken_;
  TaskGroup tasks_;
};

}  // namespace strata::mcp
