#include "mcp/tasks.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"

namespace strata::mcp {

asio::awaitable<void> Sleep(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(kAwait);
}

Interrupt::Interrupt(const asio::any_io_executor& strand, std::chrono::milliseconds timeout, std::stop_token stop,
                     std::string what)
    : state_(std::make_shared<State>(State{asio::steady_timer(strand, timeout), std::nullopt})),
      what_(std::move(what)),
      timeout_(timeout) {
  if (!stop.stop_possible()) return;
  // From any thread, and perhaps at once.
  on_stop_.emplace(std::move(stop), [strand, weak = std::weak_ptr(state_), subject = what_] {
    asio::post(strand, [weak, subject] {
      const auto state = weak.lock();
      if (!state || state->error) return;
      state->error = Error(ErrorCode::kCancelled, fmt::format("{} was cancelled", subject));
      state->timer.cancel();
    });
  });
}

asio::awaitable<void> Interrupt::Wait() {
  const std::shared_ptr<State> state = state_;
  while (!state->error) {
    const auto [error] = co_await state->timer.async_wait(kAwait);
    if (error || state->error) continue;
    state->error = Error(ErrorCode::kDeadlineExceeded,
                         fmt::format("{} took longer than {:g} s", what_, static_cast<double>(timeout_.count()) / 1e3));
  }
}

void Interrupt::Strike(Error error) {
  if (!state_->error) state_->error = std::move(error);
  state_->timer.cancel();
}

void TaskGroup::Spawn(asio::awaitable<void> task) {
  const auto signal = running_->emplace(running_->end());
  const auto ended = [running = running_, signal](const std::exception_ptr& failure) {
    running->erase(signal);
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::operation_aborted) LogError("mcp: {}", error.what());
    } catch (const std::exception& error) {
      LogError("mcp: {}", error.what());
    }
  };
  asio::co_spawn(strand_, std::move(task), asio::bind_cancellation_slot(signal->slot(), ended));
}

void TaskGroup::Cancel() {
  // A task may end, and so leave the list, while its signal is emitted.
  for (auto signal = running_->begin(); signal != running_->end();) {
    (signal++)->emit(asio::cancellation_type::terminal);
  }
}

}  // namespace strata::mcp
