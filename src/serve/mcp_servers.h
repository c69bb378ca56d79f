// The MCP servers whose tools this server may run for its clients: those that the operator configures, and those behind
// URLs that the operator lets requests name.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "mcp/client.h"

namespace strata::serve {

/// Thread-safe. Clients live on `executor`; Close, and then the destructor, must come before its context goes.
class McpServers {
 public:
  McpServers(boost::asio::any_io_executor executor, const std::vector<strata::mcp::ServerConfig>& configs,
             std::vector<std::string> allowed_urls);
  ~McpServers();
  McpServers(const McpServers&) = delete;
  McpServers& operator=(const McpServers&) = delete;

  /// Null: the operator has configured no server of this label.
  std::shared_ptr<strata::mcp::Client> Find(const std::string& label) const;

  /// A client of its own for a server that a request names, closed with its last owner. Errors: kUnsupported: a URL
  /// that the operator does not allow; kInvalidArgument: what CheckServer refuses.
  Result<std::shared_ptr<strata::mcp::Client>> Open(strata::mcp::ServerConfig config) const;

  /// Ends every session and child process.
  boost::asio::awaitable<void> Close();

 private:
  const boost::asio::any_io_executor executor_;
  std::unordered_map<std::string, std::shared_ptr<strata::mcp::Client>> by_label_;
  const std::vector<std::string> allowed_urls_;
  /// The executor may take no more work.
  const std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
};

/// Whether `url` is `prefix`, or goes on from it with another part of the path or a query: "https://a.example" does not
/// allow "https://a.example.org", nor a path that climbs out of the prefix.
bool IsUrlAllowed(std::string_view url, std::string_view prefix);

}  // namespace strata::serve
