// The pooling engine's answer, from its thread to a connection's executor. The engine thread never waits here.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "engine/pooling_engine.h"

namespace strata::serve::pooling {

class Reply {
 public:
  /// `executor` must run one handler at a time (a strand): it is where Take is called.
  explicit Reply(const boost::asio::any_io_executor& executor);
  ~Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  /// What a request's on_done may be: callable from any thread, also after the reply is gone.
  std::function<void(Result<PooledRows>&&)> Sender();

  /// Waits for the answer. Nothing after Interrupt.
  boost::asio::awaitable<std::optional<Result<PooledRows>>> Take();
  /// On the executor: the client is gone.
  void Interrupt();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<boost::asio::steady_timer> wake_;  ///< cancelled to wake Take
  bool interrupted_ = false;
};

}  // namespace strata::serve::pooling
