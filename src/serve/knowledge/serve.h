// /v1/knowledge: bases, documents, jobs, chunks, searches and answers.
#pragma once

#include <functional>
#include <optional>

#include <boost/asio/awaitable.hpp>

#include "serve/endpoints.h"
#include "serve/exchange.h"
#include "serve/http.h"
#include "serve/knowledge/service.h"
#include "serve/state.h"

namespace strata::serve::knowledge {

/// Answers a request for which AsksKnowledge; state.knowledge is there. Returns when the response is written or the
/// client is gone. A change that was begun is made all the same.
boost::asio::awaitable<void> Serve(ServerState& state, const RouteMatch& match, HttpRequest http, Exchange& exchange);

/// What `work` answers on a thread of the service; null: the client went meanwhile. What it throws is a 500.
boost::asio::awaitable<std::optional<Answer>> RunOnService(Service& service, Service::Kind kind, Exchange& exchange,
                                                           std::function<Answer()> work);

/// Too many wait for the threads of knowledge bases.
ApiError Overloaded();
/// Something threw; the log says what.
ApiError ServerFault();

}  // namespace strata::serve::knowledge
