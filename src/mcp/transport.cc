#include "mcp/transport.h"

#include "mcp/http_connection.h"
#include "mcp/sse_connection.h"
#include "mcp/stdio_connection.h"

namespace strata::mcp {

std::shared_ptr<Transport> MakeTransport(const asio::any_io_executor& strand, const ServerConfig& config) {
  const auto* http = std::get_if<HttpTransport>(&config.transport);
  if (http == nullptr) {
    return std::make_shared<StdioConnection>(strand, std::get<StdioTransport>(config.transport), config.label);
  }
  if (http->sse) return std::make_shared<SseConnection>(strand, *http, config.label);
  return std::make_shared<HttpConnection>(strand, *http, config.label);
}

}  // namespace strata::mcp
