// One client's connection: requests one after another, as HTTP/1.1 has them (RFC 9112).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "serve/client_socket.h"
#include "serve/exchange.h"
#include "serve/http.h"
#include "serve/request_reader.h"
#include "serve/state.h"

namespace strata::serve {

class Connection final : private Exchange {
 public:
  Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<ServerState> state);

  /// Serves until one side wants to end. To be spawned on the socket's executor, which must be a strand.
  boost::asio::awaitable<void> Run();

  /// For a connection beyond max_connections: 503, whatever it asks.
  boost::asio::awaitable<void> Reject();

 private:
  boost::asio::any_io_executor executor() override { return socket_.executor(); }
  void OnClientGone(std::function<void()> on_gone) override { socket_.Watch(std::move(on_gone)); }
  boost::asio::awaitable<void> Respond(HttpResponse response) override;
  boost::asio::awaitable<void> Refuse(const ApiError& error) override;
  boost::asio::awaitable<void> BeginStream(HttpResponse head) override;
  boost::asio::awaitable<bool> Write(std::string_view piece) override;
  boost::asio::awaitable<void> EndStream() override;

  boost::asio::awaitable<void> Serve(RequestReader& reader);
  boost::asio::awaitable<void> Handle(const RouteMatch& match);
  /// The answer to a request that no handler gets to see.
  std::optional<HttpResponse> AnswerEarly(const RouteMatch& match) const;
  HttpRequest TakeRequest();
  RequestReader::Outcome LimitBody(RequestReader& reader, Route route) const;
  HttpResponse ErrorOf(const ApiError& error) const;
  boost::asio::awaitable<void> Send(std::string_view data);
  void AddCommonHeaders(HttpResponse& response, bool preflight) const;

  ClientSocket socket_;
  const std::shared_ptr<ServerState> state_;

  // Of the request that is being answered.
  HttpRequest request_;
  Protocol protocol_ = Protocol::kOpenAi;
  bool keep_alive_ = false;  ///< after this response
  bool old_client_ = false;  ///< HTTP/1.0: no chunks
  bool responding_ = false;  ///< something of the response is sent
  bool broken_ = false;      ///< a write failed: nothing more can be told
  int status_ = 0;
};

}  // namespace strata::serve
