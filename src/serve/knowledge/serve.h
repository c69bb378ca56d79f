// /v1/knowledge: bases, documents, jobs, chunks, searches and answers.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "serve/exchange.h"
#include "serve/http.h"
#include "serve/state.h"

namespace strata::serve::knowledge {

/// Answers a request for which AsksKnowledge; state.knowledge is there. Returns when the response is written or the
/// client is gone. A change that was begun is made all the same.
boost::asio::awaitable<void> Serve(ServerState& state, const RouteMatch& match, HttpRequest http, Exchange& exchange);

/// Too many wait for the threads of knowledge bases.
ApiError Overloaded();

}  // namespace strata::serve::knowledge
