// The HTTP server: binds at once, answers /health with 503 while the model loads, serves the OpenAI API when it is set.
//
//   STRATA_TRY(auto server, serve::Server::Start({.port = 8000, .model_name = "smollm2"}));
//   auto engine = std::make_shared<Engine>(std::move(runner), tokenizer, EngineOptions{}, server->observer());
//   server->SetModel(std::make_shared<serve::ServedModel>(...));
//   ... on SIGTERM: server->Drain();
//
// docs/api.md is the list of endpoints and fields.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/pooling_engine.h"
#include "formats/model_file.h"
#include "formats/tokenizer.h"
#include "knowledge/types.h"
#include "mcp/server_config.h"

namespace strata {
class ChatTemplate;
}

namespace strata::serve {

namespace tools {
class ToolSet;
}

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;               ///< 0 = any free one
  int io_threads = 2;                      ///< sockets, JSON, tokenizing, detokenizing
  int max_connections = 1024;              ///< open at once; one more gets 503
  std::string model_name;                  ///< the id that clients name
  std::vector<std::string> model_aliases;  ///< further ids of the same model
  std::string tool_call_parser;            ///< of tools::Dialects(); empty: as the chat template says
  std::int64_t max_tool_tokens = 0;        ///< of the tools that a prompt carries; 0: a quarter of the context
  std::shared_ptr<const tools::ToolSet> registered_tools;  ///< that requests may name; null: none
  std::string reasoning_parser;       ///< of tools::ReasoningFormats(); empty: as the chat template says
  std::vector<std::string> api_keys;  ///< empty = open to all; each is a tenant of its own
  /// Of api_keys' first so many: who asks knowledge bases with it. None, and for keys beyond: somebody who sees
  /// everything.
  std::vector<std::optional<strata::knowledge::Principal>> principals;
  std::string knowledge_folder;  ///< where the knowledge bases lie; empty: /v1/knowledge is not there
  bool mcp = false;              ///< POST /mcp is there
  /// Servers whose tools requests may have run by this one, and prefixes of URLs of others that they may name.
  std::vector<strata::mcp::ServerConfig> mcp_servers;
  std::vector<std::string> mcp_allowed_urls;
  std::vector<std::string> allowed_origins;  ///< CORS; "*" = any; empty = no browser may call
  std::size_t max_header_bytes = 32 << 10;   ///< then 431
  std::size_t max_body_bytes = 8 << 20;      ///< then 413
  std::size_t max_upload_bytes = 64 << 20;   ///< the same of a request that adds documents to a knowledge base
  std::chrono::milliseconds request_timeout = std::chrono::seconds(600);  ///< then 408, or an error event in a stream
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);      ///< of a connection between requests
  std::chrono::milliseconds read_timeout = std::chrono::seconds(30);      ///< for header and body to arrive; then 408
  /// A client that takes no byte for so long is dropped, its request cancelled.
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(30);
};

/// What is served. The engine must have been made with Server::observer() for the latency metrics to move.
struct ServedModel {
  std::shared_ptr<const ModelFile> file;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;  ///< null when the model has none: chat is then a 400
  std::shared_ptr<Engine> engine;
  std::int64_t created = 0;  ///< Unix seconds; /v1/models reports it
};

/// A model that gives vectors or scores for texts.
struct ServedPoolingModel {
  std::vector<std::string> names;  ///< ids that clients name; the first is its own
  std::shared_ptr<const ModelFile> file;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<PoolingEngine> engine;
  std::int64_t created = 0;  ///< as ServedModel::created
};

class Server {
 public:
  /// Binds and starts the I/O threads. Errors: kInvalidArgument (host, no such parser), kIo (address in use, named).
  static Result<std::unique_ptr<Server>> Start(ServerOptions options);
  /// Closes every connection and cancels what runs; Drain first to be polite.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Makes the server ready (/health 200). Once only. `model` may be null where there are pooling models.
  void SetModel(std::shared_ptr<ServedModel> model, std::vector<std::shared_ptr<ServedPoolingModel>> pooling = {});
  /// Loading failed: every request gets 500 with this error.
  void SetFailed(Error error);

  std::uint16_t port() const;
  /// For the engine: feeds the metrics. Outlives the server if the engine does.
  std::shared_ptr<EngineObserver> observer() const;

  /// From any thread: new requests get 503 with Retry-After from now on; those that run go on.
  void RequestDrain();
  /// RequestDrain, then waits until all responses are written or drain_timeout passed, then stops.
  /// True when nothing had to be cut off.
  bool Drain();
  /// Blocks until the server has stopped (Drain finished, in whichever thread).
  void Wait();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::serve
