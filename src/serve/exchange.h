// One request's way back to its client, whatever carries it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "serve/api_error.h"
#include "serve/http.h"

namespace strata::serve {

class Exchange {
 public:
  virtual ~Exchange() = default;

  /// Where the handler runs and its events have to be posted.
  virtual boost::asio::any_io_executor executor() = 0;

  /// Calls `on_gone` once, on the executor, when the client goes away before the response is complete.
  virtual void OnClientGone(std::function<void()> on_gone) = 0;

  /// The whole response. Exactly one of Respond, Refuse and BeginStream is called.
  virtual boost::asio::awaitable<void> Respond(HttpResponse response) = 0;
  /// The whole response is an error, in the shape that the protocol of the request has for errors.
  virtual boost::asio::awaitable<void> Refuse(const ApiError& error) = 0;

  /// A response whose body comes in pieces; `head.body` is not used.
  virtual boost::asio::awaitable<void> BeginStream(HttpResponse head) = 0;
  /// False when the client is gone or has taken nothing for the write timeout: stop working for it.
  virtual boost::asio::awaitable<bool> Write(std::string_view piece) = 0;
  virtual boost::asio::awaitable<void> EndStream() = 0;
};

}  // namespace strata::serve
