// POST and DELETE /mcp: this server as a server of the Model Context Protocol (streamable HTTP), for clients of
// revision 2026-07-28 and of those with a handshake.
#pragma once

#include <memory>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "serve/exchange.h"
#include "serve/http.h"
#include "serve/state.h"

namespace strata::serve::mcp {

/// Whether a page of this origin may talk to the server: those of the same machine, and those that the operator allows.
/// Against DNS rebinding, which lets a foreign page reach a server that only listens on the loopback interface.
bool IsOriginAllowed(const ServerOptions& options, std::string_view origin);

/// One message. Returns when its response is written or the client is gone.
boost::asio::awaitable<void> ServePost(ServerState& state, std::shared_ptr<const LoadedModel> model,
                                       const HttpRequest& http, double arrived_seconds, Exchange& exchange);

/// The end of a legacy client's session. Errors: 405 without a session, as revision 2026-07-28 wants; 404.
HttpResponse ServeDelete(const ServerState& state, const HttpRequest& http);

}  // namespace strata::serve::mcp
