// From an engine's thread to a connection's executor, in order. Who sends never waits; what is held is bounded by what
// senders send at most, nothing is dropped.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace strata::serve {

template <class T>
class Mailbox {
 public:
  /// `executor` must run one handler at a time (a strand): it is where Take is called.
  explicit Mailbox(const boost::asio::any_io_executor& executor)
      : shared_(std::make_shared<Shared>()), wake_(std::make_shared<boost::asio::steady_timer>(executor)) {
    shared_->executor = executor;
    shared_->wake = wake_;
  }
  ~Mailbox() {
    const std::lock_guard lock(shared_->mutex);
    shared_->executor.reset();
    shared_->items.clear();
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// What puts an item in: callable from any thread, also after the mailbox is gone.
  auto Sender() {
    return [shared = shared_](T&& item) {
      const std::lock_guard lock(shared->mutex);
      if (!shared->executor) return;
      shared->items.push_back(std::move(item));
      if (std::exchange(shared->woken, true)) return;
      boost::asio::post(*shared->executor, [wake = shared->wake] {
        if (const auto timer = wake.lock()) timer->cancel();
      });
    };
  }

  /// What has come since the last call; waits until there is something. Empty after Interrupt.
  boost::asio::awaitable<std::vector<T>> Take() {
    std::vector<T> items;
    while (!interrupted_) {
      {
        const std::lock_guard lock(shared_->mutex);
        items.swap(shared_->items);
        shared_->woken = false;
      }
      if (!items.empty()) co_return items;
      wake_->expires_at(boost::asio::steady_timer::time_point::max());
      co_await wake_->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return items;
  }
  /// On the executor: the client is gone, Take returns nothing from now on.
  void Interrupt() {
    interrupted_ = true;
    wake_->cancel();
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::vector<T> items;
    bool woken = false;  ///< a wake-up is on its way
    /// Empty once the mailbox is gone: an executor must not outlive its context, senders may.
    std::optional<boost::asio::any_io_executor> executor;
    std::weak_ptr<boost::asio::steady_timer> wake;
  };
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<boost::asio::steady_timer> wake_;  ///< cancelled to wake Take
  bool interrupted_ = false;
};

}  // namespace strata::serve
