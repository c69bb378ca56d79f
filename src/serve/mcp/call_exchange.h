// A tool call's way back to its client: errors of the call become its result, and a cancellation ends it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "serve/exchange.h"
#include "serve/mcp/sessions.h"
#include "serve/mcp/tool_reply.h"

namespace strata::serve::mcp {

class CallExchange final : public Exchange {
 public:
  /// `exchange` and `reply` must outlive it.
  CallExchange(Exchange& exchange, const ToolReply& reply, std::shared_ptr<Cancellation> cancellation)
      : exchange_(exchange), reply_(reply), cancellation_(std::move(cancellation)) {}

  boost::asio::any_io_executor executor() override { return exchange_.executor(); }
  void OnClientGone(std::function<void()> on_gone) override;
  boost::asio::awaitable<void> Respond(HttpResponse response) override;
  boost::asio::awaitable<void> Refuse(const ApiError& error) override;
  boost::asio::awaitable<void> BeginStream(HttpResponse head) override;
  boost::asio::awaitable<bool> Write(std::string_view piece) override { return exchange_.Write(piece); }
  boost::asio::awaitable<void> EndStream() override;

  /// The call has returned. A client that has cancelled it gets what HTTP needs for the connection to go on.
  boost::asio::awaitable<void> Finish();

 private:
  enum class State : std::uint8_t { kNothing, kStreaming, kDone };

  Exchange& exchange_;
  const ToolReply& reply_;
  const std::shared_ptr<Cancellation> cancellation_;
  State state_ = State::kNothing;
};

}  // namespace strata::serve::mcp
