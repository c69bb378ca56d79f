#include "serve/listener.h"

#include <exception>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "serve/connection.h"

namespace strata::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Connections beyond the bound that are being told so; more of them are closed without a word.
constexpr int kMaxRejections = 64;

/// Counts a connection for as long as it lives.
class Counted {
 public:
  explicit Counted(std::shared_ptr<ServerState> state) : state_(std::move(state)) { ++state_->connections; }
  ~Counted() { --state_->connections; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::shared_ptr<ServerState> state_;
};

asio::awaitable<void> ServeClient(tcp::socket socket, std::shared_ptr<ServerState> state) {
  const Counted counted(state);
  const bool serve = state->connections <= state->options.max_connections;
  Connection connection(std::move(socket), std::move(state));
  try {
    if (serve) {
      co_await connection.Run();
    } else {
      co_await connection.Reject();
    }
  } catch (const std::exception& error) {  // no memory for the next request: this client only
    LogError("a connection ended: {}", error.what());
  }
}

}  // namespace

Result<tcp::acceptor> Listen(const asio::any_io_executor& executor, const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "cannot listen on {}: {}", host, error.message());
  }
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp::acceptor acceptor(executor);
  error = acceptor.open(endpoint.protocol(), error);
  if (!error) error = acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) error = acceptor.bind(endpoint, error);
  if (!error) error = acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Fail(ErrorCode::kIo, "cannot listen on {}:{}: {}", host, port, error.message());
  return acceptor;
}

asio::awaitable<void> AcceptLoop(tcp::acceptor& acceptor, std::shared_ptr<ServerState> state) {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    std::string failure;
    try {
      auto strand = asio::make_strand(acceptor.get_executor());
      auto [error, socket] = co_await acceptor.async_accept(strand, asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        failure = error.message();  // out of descriptors, most often: those in use will be given back
      } else if (state->connections < state->options.max_connections + kMaxRejections) {
        asio::co_spawn(strand, ServeClient(std::move(socket), state), asio::detached);
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (failure.empty()) continue;
    LogWarning("cannot accept a connection: {}", failure);
    pause.expires_after(std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace strata::serve
