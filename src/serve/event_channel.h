// From the engine thread to a connection's executor: the events of all choices of one request, in order. The engine
// thread never waits here. What is held is bounded by the answers' own lengths, since nobody else puts events in.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "engine/engine.h"

namespace strata::serve {

class EventChannel {
 public:
  struct Item {
    int choice = 0;
    double seconds = 0;  ///< monotonic, when the engine said it
    EngineEvent event;
  };

  /// `executor` must run one handler at a time (a strand): it is where Take is called.
  explicit EventChannel(const boost::asio::any_io_executor& executor);
  ~EventChannel();
  EventChannel(const EventChannel&) = delete;
  EventChannel& operator=(const EventChannel&) = delete;

  /// What a request's on_event may be: callable from any thread, also after the channel is gone.
  std::function<void(EngineEvent&&)> Sender(int choice);

  /// What has come since the last call; waits until there is something. Empty after Interrupt.
  boost::asio::awaitable<std::vector<Item>> Take();
  /// On the executor: the client is gone, Take returns nothing from now on.
  void Interrupt();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<boost::asio::steady_timer> wake_;  ///< cancelled to wake Take
  bool interrupted_ = false;
};

}  // namespace strata::serve
