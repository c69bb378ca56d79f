// Accepts connections and gives each its strand.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "serve/state.h"

namespace strata::serve {

/// Binds host:port (0 = any free one). Errors: kInvalidArgument (host is no address of this machine), kIo (in use, not
/// allowed), each naming the address.
Result<boost::asio::ip::tcp::acceptor> Listen(const boost::asio::any_io_executor& executor, const std::string& host,
                                              std::uint16_t port);

/// Accepts until the acceptor is closed.
boost::asio::awaitable<void> AcceptLoop(boost::asio::ip::tcp::acceptor& acceptor, std::shared_ptr<ServerState> state);

}  // namespace strata::serve
