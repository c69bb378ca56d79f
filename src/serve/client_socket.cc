#include "serve/client_socket.h"

#include <cerrno>
#include <cstdint>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <poll.h>
#include <sys/socket.h>

namespace strata::serve {
namespace {

using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 64 << 10;
// With bytes of a next request unread, the socket stays readable and cannot wake us for the end: it is asked so often.
constexpr std::chrono::milliseconds kPollPeriod{50};

/// One limit on one kind of operation. Its timer cancels what is pending of it; `expired` tells what comes after.
struct Limit {
  explicit Limit(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  asio::cancellation_signal cancel;
  std::uint64_t armed = 0;  ///< a timer that was already on its way when it was disarmed finds another number
  bool expired = false;
};

}  // namespace

struct ClientSocket::Core : std::enable_shared_from_this<Core> {
  explicit Core(tcp::socket s)
      : socket(std::move(s)),
        read(socket.get_executor()),
        write(socket.get_executor()),
        watch_pause(socket.get_executor()) {}

  tcp::socket socket;
  Limit read, write;
  std::uint64_t watch = 0;  ///< odd while somebody watches
  std::function<void()> on_gone;
  asio::steady_timer watch_pause;
  asio::cancellation_signal stop_watch;

  void Arm(Limit& limit, Milliseconds time) {
    limit.expired = false;
    limit.timer.expires_after(time);
    limit.timer.async_wait([self = shared_from_this(), &limit, armed = ++limit.armed](ErrorCode error) {
      if (error || armed != limit.armed) return;
      limit.expired = true;
      limit.cancel.emit(asio::cancellation_type::terminal);
    });
  }
  static void Disarm(Limit& limit) {
    ++limit.armed;
    limit.timer.cancel();
  }

  bool IsGone() {
    pollfd state{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
  }

  static asio::awaitable<void> WatchLoop(std::shared_ptr<Core> self, std::uint64_t watch) {
    while (self->watch == watch) {
      const auto [error] = co_await self->socket.async_wait(
          tcp::socket::wait_read, asio::bind_cancellation_slot(self->stop_watch.slot(), kAwait));
      if (self->watch != watch) co_return;
      if (error || self->IsGone()) break;
      self->watch_pause.expires_after(kPollPeriod);
      co_await self->watch_pause.async_wait(kAwait);
    }
    if (self->watch != watch) co_return;
    ++self->watch;
    std::exchange(self->on_gone, nullptr)();
  }
};

ClientSocket::ClientSocket(tcp::socket socket) : core_(std::make_shared<Core>(std::move(socket))) {
  ErrorCode ignored;  // a socket that died since it was accepted says so at the first read
  ignored = core_->socket.non_blocking(true, ignored);
  ignored = core_->socket.set_option(tcp::no_delay(true), ignored);
}

ClientSocket::~ClientSocket() {
  StopWatching();
  Core::Disarm(core_->read);
  Core::Disarm(core_->write);
  ErrorCode ignored;
  ignored = core_->socket.close(ignored);
}

asio::any_io_executor ClientSocket::executor() { return core_->socket.get_executor(); }

void ClientSocket::LimitReads(Milliseconds limit) { core_->Arm(core_->read, limit); }

asio::awaitable<ClientSocket::ErrorCode> ClientSocket::Read(boost::beast::flat_buffer& buffer) {
  if (core_->read.expired) co_return asio::error::timed_out;
  const auto [error, count] = co_await core_->socket.async_read_some(
      buffer.prepare(kReadBytes), asio::bind_cancellation_slot(core_->read.cancel.slot(), kAwait));
  buffer.commit(count);
  if (error == asio::error::operation_aborted && core_->read.expired) co_return asio::error::timed_out;
  co_return error;
}

asio::awaitable<ClientSocket::ErrorCode> ClientSocket::Write(std::string_view data, Milliseconds stall) {
  ErrorCode result;
  while (!data.empty() && !result) {
    core_->Arm(core_->write, stall);
    const auto [error, count] = co_await core_->socket.async_write_some(
        asio::buffer(data), asio::bind_cancellation_slot(core_->write.cancel.slot(), kAwait));
    data.remove_prefix(count);
    result = error == asio::error::operation_aborted && core_->write.expired ? asio::error::timed_out : error;
  }
  Core::Disarm(core_->write);
  co_return result;
}

void ClientSocket::Watch(std::function<void()> on_gone) {
  core_->on_gone = std::move(on_gone);
  asio::co_spawn(executor(), Core::WatchLoop(core_, ++core_->watch), asio::detached);
}

void ClientSocket::StopWatching() {
  if (core_->on_gone == nullptr) return;
  ++core_->watch;
  core_->on_gone = nullptr;
  core_->stop_watch.emit(asio::cancellation_type::terminal);
  core_->watch_pause.cancel();
}

asio::awaitable<void> ClientSocket::CloseGently(Milliseconds limit) {
  ErrorCode error;
  error = core_->socket.shutdown(tcp::socket::shutdown_send, error);
  LimitReads(limit);
  boost::beast::flat_buffer unread;
  while (!error) {
    error = co_await Read(unread);
    unread.clear();
  }
}

}  // namespace strata::serve
