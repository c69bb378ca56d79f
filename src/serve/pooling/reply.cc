#include "serve/pooling/reply.h"

#include <mutex>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace strata::serve::pooling {

namespace asio = boost::asio;

struct Reply::Shared {
  std::mutex mutex;
  std::optional<Result<PooledRows>> answer;
  /// Empty once the reply is gone: an executor must not outlive its context, senders may.
  std::optional<asio::any_io_executor> executor;
  std::weak_ptr<asio::steady_timer> wake;
};

Reply::Reply(const asio::any_io_executor& executor)
    : shared_(std::make_shared<Shared>()), wake_(std::make_shared<asio::steady_timer>(executor)) {
  shared_->executor = executor;
  shared_->wake = wake_;
  wake_->expires_at(asio::steady_timer::time_point::max());
}

Reply::~Reply() {
  const std::lock_guard lock(shared_->mutex);
  shared_->executor.reset();
}

std::function<void(Result<PooledRows>&&)> Reply::Sender() {
  return [shared = shared_](Result<PooledRows>&& answer) {
    const std::lock_guard lock(shared->mutex);
    if (!shared->executor) return;
    shared->answer = std::move(answer);
    asio::post(*shared->executor, [wake = shared->wake] {
      if (const auto timer = wake.lock()) timer->cancel();
    });
  };
}

asio::awaitable<std::optional<Result<PooledRows>>> Reply::Take() {
  while (!interrupted_) {
    {
      const std::lock_guard lock(shared_->mutex);
      if (shared_->answer) co_return std::move(shared_->answer);
    }
    co_await wake_->async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return std::nullopt;
}

void Reply::Interrupt() {
  interrupted_ = true;
  wake_->cancel();
}

}  // namespace strata::serve::pooling
