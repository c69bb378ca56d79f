// /v1/chat/completions with `knowledge`: the last message is the question, those before it the conversation, and the
// answer comes out of a base, with its citations as annotations.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "serve/exchange.h"
#include "serve/knowledge/answering.h"
#include "serve/request.h"
#include "serve/state.h"

namespace strata::serve::knowledge {

/// `request`: a chat request with knowledge. Retrieved text calls no tool: the model is offered none.
boost::asio::awaitable<void> ServeChat(ServerState& state, const GenerateRequest& request, Exchange& exchange);

/// `include_usage`: a last chunk of a stream has it.
std::unique_ptr<Teller> MakeChatTeller(ResponseHeader header, bool include_usage);

}  // namespace strata::serve::knowledge
