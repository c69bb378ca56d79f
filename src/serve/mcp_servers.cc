#include "serve/mcp_servers.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/hex.h"

namespace strata::serve {

namespace asio = boost::asio;
using strata::mcp::Client;

McpServers::McpServers(asio::any_io_executor executor, const std::vector<strata::mcp::ServerConfig>& configs,
                       std::vector<std::string> allowed_urls)
    : executor_(std::move(executor)), allowed_urls_(std::move(allowed_urls)) {
  for (const strata::mcp::ServerConfig& config : configs) {
    by_label_.emplace(config.label, std::make_shared<Client>(executor_, config));
  }
}

McpServers::~McpServers() { *stopped_ = true; }

std::shared_ptr<Client> McpServers::Find(const std::string& label) const {
  const auto found = by_label_.find(label);
  return found == by_label_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<Client>> McpServers::Open(strata::mcp::ServerConfig config) const {
  const std::string& url = std::get<strata::mcp::HttpTransport>(config.transport).url;
  const auto allows = [&](const std::string& prefix) { return IsUrlAllowed(url, prefix); };
  if (!std::ranges::any_of(allowed_urls_, allows)) {
    return Fail(ErrorCode::kUnsupported, "this server does not run tools of {} (--mcp-allow-url)", url.substr(0, 200));
  }
  STRATA_CHECK(CheckServer(config));
  const auto close = [executor = executor_, stopped = stopped_](Client* client) {
    std::unique_ptr<Client> owned(client);
    if (*stopped) return;
    asio::co_spawn(
        executor,
        [](std::unique_ptr<Client> last) -> asio::awaitable<void> { co_await last->Close(); }(std::move(owned)),
        asio::detached);
  };
  return std::shared_ptr<Client>(new Client(executor_, std::move(config)), close);
}

asio::awaitable<void> McpServers::Close() {
  for (const auto& [label, client] : by_label_) co_await client->Close();
}

bool IsUrlAllowed(std::string_view url, std::string_view prefix) {
  if (!url.starts_with(prefix)) return false;
  const std::string rest = PercentDecoded(url.substr(prefix.size()));
  if (rest.contains("..") || rest.contains('\\')) return false;
  return rest.empty() || prefix.ends_with('/') || rest.front() == '/' || rest.front() == '?';
}

}  // namespace strata::serve
