// A client of one MCP server (Model Context Protocol, modelcontextprotocol.io): lists its tools and calls them.
//
//   STRATA_TRY(auto servers, mcp::ParseServersFile(text));
//   auto client = std::make_shared<mcp::Client>(io.get_executor(), servers[0]);
//   auto tools = co_await client->ListTools();              // connects on first use
//   auto result = co_await client->CallTool("echo", {{"message", "hi"}}, {.stop = stop.get_token()});
//   if (result) Use(result->text, result->is_error);
//   co_await client->Close();
//
// It speaks the stateless protocol of 2026-07-28, and the one with a handshake of 2025-11-25, 2025-06-18, 2025-03-26
// and 2024-11-05 to servers that know no other: it asks which, once a connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/result.h"
#include "mcp/server_config.h"

namespace strata::mcp {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;

/// What a server said of itself.
struct ServerInfo {
  std::string name, version;
  std::string protocol_version;  ///< that both speak now
  std::string instructions;      ///< how to use its tools, meant for a model; may be empty
};

/// A tool as its server describes it. All of it is the server's word: data, never to be trusted.
struct Tool {
  std::string name;
  std::string title;        ///< for people; may be empty
  std::string description;  ///< may be empty
  Json input_schema;        ///< a JSON Schema, an object of type "object"
  Json output_schema;       ///< of ToolResult::structured; null when there is none
  Json annotations;         ///< hints (readOnlyHint …); null when there are none
};

using ToolList = std::shared_ptr<const std::vector<Tool>>;

struct ToolResult {
  Json content = Json::array();  ///< the blocks as the server sent them: text, image, audio, resource, resource_link
  Json structured;               ///< structuredContent; null when there is none
  bool is_error = false;         ///< the tool ran and failed; `text` says why, for the model to read
  /// What a model reads: texts as they are, a line for what is no text, the structured content where there is no block.
  /// At most ServerConfig::max_output_bytes, and then a note of how much was cut off. Valid UTF-8.
  std::string text;
  bool truncated = false;  ///< of `text`
};

struct Progress {
  double progress = 0;
  std::optional<double> total;
  std::string message;
};

struct CallOptions {
  std::optional<std::chrono::milliseconds> timeout = {};  ///< instead of ServerConfig::tool_timeout
  /// Stops the call: the server is told, the result is kCancelled. May be asked to stop from any thread.
  std::stop_token stop = {};
  std::function<void(const Progress&)> on_progress = {};  ///< called on the client's own strand; must not block
};

/// What a server may ask of its client while a tool runs. The capabilities that the client declares are the hooks that
/// are set; what has none is refused. A hook gets the request's params and gives its result, an Error to refuse.
struct ClientHooks {
  using Hook = std::function<asio::awaitable<Result<Json>>(Json params)>;
  Hook elicitation = {};  ///< elicitation/create of form mode: {"action": "accept", "content": {…}} | decline | cancel
  Hook sampling = {};     ///< sampling/createMessage without tools: {"role", "content", "model", "stopReason"}
};

/// The elicitation hook of a client that has nobody to ask: accepts with the defaults that the requested schema gives,
/// declines when something required has none.
asio::awaitable<Result<Json>> AcceptDefaults(Json params);

/// All functions may be called at the same time and from any thread or executor; each resumes its caller on the
/// caller's executor. Errors are told apart by code: kUnavailable (the server cannot be started or reached, or broke
/// the connection; the next call tries again), kDeadlineExceeded, kCancelled, kCorrupt (the server violates the
/// protocol), kNotFound (no such tool, or not allowed), kInvalidArgument (the server refuses the arguments),
/// kUnsupported (the server wants something this client cannot do), kInternal (the server says that it failed), kIo (no
/// TLS, no pipes). Messages begin with the server's label.
class Client {
 public:
  /// Does nothing until it is used. The server's processes and sockets live on `executor`, which must run as long as
  /// the client does, and for Close() and the child's end after it.
  Client(const asio::any_io_executor& executor, ServerConfig config, ClientHooks hooks = {});
  /// Ends what still runs with kCancelled and a child by signals at once: Close() is the polite way.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const ServerConfig& config() const;

  /// Starts or reaches the server and agrees on a version, if that has not been done yet or the connection was lost.
  /// The other functions do it themselves.
  asio::awaitable<Result<ServerInfo>> Connect();

  /// Every tool that is allowed, in the server's order; from the cache until the server says that they changed, their
  /// time to live passed, or the connection is another. Tools whose description violates the protocol are left out with
  /// a warning; more than 10,000 are kCorrupt.
  asio::awaitable<Result<ToolList>> ListTools();

  /// Runs a tool. `arguments` must be an object. A result with is_error is a result, not an Error.
  /// Never sent twice: a call whose connection breaks is kUnavailable, whether it ran or not.
  asio::awaitable<Result<ToolResult>> CallTool(std::string name, Json arguments, CallOptions options = {});

  /// Ends the session: a child's standard input is closed, and signals follow where it does not end; an HTTP session is
  /// deleted. Calls that still run end with kCancelled. The client can be used again and then connects anew.
  asio::awaitable<void> Close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace strata::mcp
