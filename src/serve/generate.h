// The endpoints that generate text, whichever protocol they speak: /v1/chat/completions, /v1/completions,
// /v1/responses and /v1/messages.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "serve/exchange.h"
#include "serve/generate_call.h"
#include "serve/http.h"
#include "serve/state.h"

namespace strata::serve {

/// Answers the request over `exchange`, streamed when it asks for that. Returns when the response is written or the
/// client is gone; whatever the engine still does for it is then cancelled. `arrived_seconds` is monotonic.
boost::asio::awaitable<void> Generate(ServerState& state, std::shared_ptr<const LoadedModel> model, Route route,
                                      const HttpRequest& http, double arrived_seconds, Exchange& exchange);

/// The part of Generate that follows when a protocol has made its call of the body.
boost::asio::awaitable<void> RunCall(ServerState& state, std::shared_ptr<const LoadedModel> model, GenerateCall call,
                                     double arrived_seconds, Exchange& exchange);

}  // namespace strata::serve
