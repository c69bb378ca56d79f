#include "serve/event_channel.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"

namespace strata::serve {

namespace asio = boost::asio;

struct EventChannel::Shared {
  std::mutex mutex;
  std::vector<Item> items;
  bool woken = false;  ///< a wake-up is on its way
  /// Empty once the channel is gone: an executor must not outlive its context, senders may.
  std::optional<asio::any_io_executor> executor;
  std::weak_ptr<asio::steady_timer> wake;
};

EventChannel::EventChannel(const asio::any_io_executor& executor)
    : shared_(std::make_shared<Shared>()), wake_(std::make_shared<asio::steady_timer>(executor)) {
  shared_->executor = executor;
  shared_->wake = wake_;
}

EventChannel::~EventChannel() {
  const std::lock_guard lock(shared_->mutex);
  shared_->executor.reset();
  shared_->items.clear();
}

std::function<void(EngineEvent&&)> EventChannel::Sender(int choice) {
  return [shared = shared_, choice](EngineEvent&& event) {
    const double now = MonotonicSeconds();
    const std::lock_guard lock(shared->mutex);
    if (!shared->executor) return;
    shared->items.push_back({choice, now, std::move(event)});
    if (std::exchange(shared->woken, true)) return;
    asio::post(*shared->executor, [wake = shared->wake] {
      if (const auto timer = wake.lock()) timer->cancel();
    });
  };
}

asio::awaitable<std::vector<EventChannel::Item>> EventChannel::Take() {
  std::vector<Item> items;
  while (!interrupted_) {
    {
      const std::lock_guard lock(shared_->mutex);
      items.swap(shared_->items);
      shared_->woken = false;
    }
    if (!items.empty()) co_return items;
    wake_->expires_at(asio::steady_timer::time_point::max());
    co_await wake_->async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return items;
}

void EventChannel::Interrupt() {
  interrupted_ = true;
  wake_->cancel();
}

}  // namespace strata::serve
