#include "serve/mcp/call_exchange.h"

#include <utility>

namespace strata::serve::mcp {

namespace asio = boost::asio;

void CallExchange::OnClientGone(std::function<void()> on_gone) {
  cancellation_->Arm(std::move(on_gone));
  exchange_.OnClientGone([cancellation = cancellation_] { cancellation->Stop(); });
}

asio::awaitable<void> CallExchange::Respond(HttpResponse response) {
  state_ = State::kDone;
  return exchange_.Respond(std::move(response));
}

asio::awaitable<void> CallExchange::Refuse(const ApiError& error) {
  return Respond(RpcResponse(reply_.Failure(error)));
}

asio::awaitable<void> CallExchange::BeginStream(HttpResponse head) {
  state_ = State::kStreaming;
  return exchange_.BeginStream(std::move(head));
}

asio::awaitable<void> CallExchange::EndStream() {
  state_ = State::kDone;
  return exchange_.EndStream();
}

asio::awaitable<void> CallExchange::Finish() {
  cancellation_->Disarm();
  if (!cancellation_->cancelled() || state_ == State::kDone) co_return;
  if (state_ == State::kStreaming) {
    co_await EndStream();
  } else {
    // Senders of a cancellation ignore what still comes (MCP 2025-11-25, Cancellation).
    co_await Refuse({.message = "The client has cancelled the call."});
  }
}

}  // namespace strata::serve::mcp
