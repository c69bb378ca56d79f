// A server as a child process: its three streams, and its end. On one strand.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/types.h>

#include "base/result.h"
#include "mcp/server_config.h"
#include "mcp/tasks.h"

namespace strata::mcp {

class ChildProcess {
 public:
  /// Errors: kUnavailable, with the command and the system's reason.
  static Result<std::unique_ptr<ChildProcess>> Start(const asio::any_io_executor& strand, const StdioTransport& config);
  /// Kills what is left of it and of its own children.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  asio::local::stream_protocol::socket& input() { return input_; }  ///< its standard input; closing it says goodbye
  asio::posix::stream_descriptor& output() { return output_; }
  asio::posix::stream_descriptor& errors() { return errors_; }

  /// Closes its input, waits, asks by SIGTERM, waits, and kills: as the protocol's stdio transport ends.
  asio::awaitable<void> End();

  /// "ended with status 1", "was ended by signal 9"; empty while it runs.
  std::string Fate();

 private:
  ChildProcess(const asio::any_io_executor& strand, pid_t pid)
      : input_(strand), output_(strand), errors_(strand), pid_(pid) {}

  asio::awaitable<bool> EndedWithin(std::chrono::milliseconds time);
  /// Takes its status, if it has ended, and ends what it has left behind in its process group.
  bool Reap(bool wait);

  asio::local::stream_protocol::socket input_;
  asio::posix::stream_descriptor output_, errors_;
  pid_t pid_;
  bool reaped_ = false;
  int status_ = 0;
};

}  // namespace strata::mcp
