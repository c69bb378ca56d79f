// The endpoints whose answers come from pooling models: /v1/embeddings, /v1/rerank, /score.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "serve/exchange.h"
#include "serve/http.h"
#include "serve/state.h"

namespace strata::serve::pooling {

/// Answers the request over `exchange`. Returns when the response is written or the client is gone; what the engine
/// still does for it is then cancelled. `arrived_seconds` is monotonic.
boost::asio::awaitable<void> Serve(ServerState& state, std::shared_ptr<const LoadedModels> models, Route route,
                                   const HttpRequest& http, double arrived_seconds, Exchange& exchange);

}  // namespace strata::serve::pooling
