// What the client's coroutines wait for and end by. Everything here lives on one strand, unless it says otherwise.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"

namespace strata::mcp {

namespace asio = boost::asio;

/// Operations give their error_code as a value.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// Wakes coroutines. They check what they wait for themselves: while (!ready) co_await event.Wait();
class Event {
 public:
  explicit Event(const asio::any_io_executor& strand) : timer_(strand, asio::steady_timer::time_point::max()) {}
  asio::awaitable<void> Wait() { co_await timer_.async_wait(kAwait); }
  void NotifyAll() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

asio::awaitable<void> Sleep(std::chrono::milliseconds time);

/// What can end a piece of work before it is done: its time, its caller, its owner.
class Interrupt {
 public:
  /// `what` is the subject of the error: "the call of echo" took longer than 10 s.
  Interrupt(const asio::any_io_executor& strand, std::chrono::milliseconds timeout, std::stop_token stop,
            std::string what);

  /// Resumes when the time has passed, somebody asked to stop, or Strike.
  asio::awaitable<void> Wait();
  void Strike(Error error);
  /// Why; set once Wait has resumed.
  const std::optional<Error>& error() const { return state_->error; }

 private:
  struct State {
    asio::steady_timer timer;
    std::optional<Error> error;
  };
  std::shared_ptr<State> state_;
  std::string what_;
  std::chrono::milliseconds timeout_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

/// The work's result, or the interrupt's error; the work is then cancelled, and has ended when this returns.
template <class T>
asio::awaitable<Result<T>> Until(Interrupt& interrupt, asio::awaitable<Result<T>> work) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace): they are operators
  if (interrupt.error()) co_return std::unexpected(*interrupt.error());
  auto first = co_await (std::move(work) || interrupt.Wait());
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return std::unexpected(*interrupt.error());
}

/// Coroutines that run beside their owner. They keep alive what they use: cancelling one only makes it resume.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor strand) : strand_(std::move(strand)) {}
  ~TaskGroup() { Cancel(); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void Spawn(asio::awaitable<void> task);
  /// Every task's pending operation fails, and none runs on after that.
  void Cancel();

 private:
  using Signals = std::list<asio::cancellation_signal>;

  asio::any_io_executor strand_;
  std::shared_ptr<Signals> running_ = std::make_shared<Signals>();
};

}  // namespace strata::mcp
