// What all connections of a server share.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "formats/special_text.h"
#include "serve/api_error.h"
#include "serve/chat_prompt.h"
#include "serve/grammar_cache.h"
#include "serve/mcp/sessions.h"
#include "serve/mcp_servers.h"
#include "serve/metrics.h"
#include "serve/responses/response_store.h"
#include "serve/server.h"
#include "serve/tool_selection.h"

namespace strata::serve {

namespace knowledge {
class Service;
}

/// A served model and what is derived from it once.
struct LoadedModel {
  std::shared_ptr<ServedModel> served;
  std::int64_t max_context = 0;               ///< tokens of prompt and answer together
  std::string fingerprint;                    ///< system_fingerprint: changes with the model and with strata
  std::optional<ChatFormat> chat;             ///< none: the model takes no messages
  std::optional<ChatFormat> chat_with_tools;  ///< the template that the publisher means for tools, where it is another
  const tools::Dialect* dialect = nullptr;    ///< how the model calls tools
  const tools::ReasoningFormat* reasoning = nullptr;  ///< how it thinks, if it does
  /// Special tokens that a parser must see.
  std::unordered_set<TokenId> markers;
  std::unique_ptr<GrammarCache> grammars;
  std::unique_ptr<const SpecialTexts> specials;
  std::unique_ptr<ToolTokens> tool_tokens;
  std::int64_t max_tool_tokens = 0;  ///< of the tools that a prompt carries, unless the request says otherwise

  const Tokenizer& tokenizer() const { return *served->tokenizer; }
  const ChatFormat& ChatFor(const ChatInput& input) const;
};

struct PoolingModel {
  std::shared_ptr<ServedPoolingModel> served;
  std::int64_t max_context = 0;  ///< tokens of a text

  const std::string& name() const { return served->names.front(); }
  const Tokenizer& tokenizer() const { return *served->tokenizer; }
  ModelTask task() const { return served->engine->config().task; }
};

/// What a request wants of a pooling model: vectors, or scores of pairs.
enum class PoolingUse : std::uint8_t { kEmbed, kScore };

struct LoadedModels {
  std::shared_ptr<const LoadedModel> generator;  ///< null: no model generates
  std::vector<std::string> generator_names;      ///< that clients may call it by
  std::vector<std::shared_ptr<const PoolingModel>> pooling;

  /// By an id; null: there is no such pooling model.
  std::shared_ptr<const PoolingModel> PoolingNamed(std::string_view name) const;
  /// The model of that id, or for "" the first that is made for the use. Scores come of classifiers with one label, and
  /// of embeddings. Errors: 404 for no such model; 400 for one that is not for this use, or when there is none.
  std::expected<std::shared_ptr<const PoolingModel>, ApiError> FindPooling(std::string_view name, PoolingUse use) const;
};

/// How model.served is talked to, calls tools and thinks, into the rest of `model`: as its templates say, but for what
/// the options say. Needs no engine.
void FindFormats(const ServerOptions& options, LoadedModel& model);

class ServerState {
 public:
  explicit ServerState(ServerOptions server_options);

  const ServerOptions options;
  const std::shared_ptr<Metrics> metrics;
  const std::shared_ptr<responses::ResponseStore> responses;
  const std::shared_ptr<mcp::Sessions> mcp_sessions;
  /// Set before the first connection, gone before the I/O context; null: the server has no knowledge bases.
  std::unique_ptr<knowledge::Service> knowledge;
  /// Set before the first connection, gone before the I/O context.
  std::unique_ptr<McpServers> mcp_servers;
  const std::int64_t started_unix_seconds;
  std::atomic<int> connections = 0;

  void SetModel(std::shared_ptr<ServedModel> model, std::vector<std::shared_ptr<ServedPoolingModel>> pooling);
  void SetFailed(Error error);
  void SetDraining() { draining_ = true; }
  bool draining() const { return draining_; }

  /// The models, or why there are none now: 503 while loading or draining, 500 when loading failed.
  std::expected<std::shared_ptr<const LoadedModels>, ApiError> Loaded() const;
  /// The model that generates, or why there is none: as Loaded; 400 when none of the server's models does.
  std::expected<std::shared_ptr<const LoadedModel>, ApiError> Ready() const;

  /// Whether clients may call the model that generates so.
  bool IsModelName(std::string_view name) const;
  /// Of a name that is not the generating model's: 404, or 400 where it is a pooling model's.
  ApiError NoGenerator(std::string_view name) const;

  /// Counts a request from its dispatch until its response is written.
  class Active {
   public:
    explicit Active(ServerState& state);
    ~Active();
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;

   private:
    ServerState& state_;
  };
  /// True when no request was active any more before `deadline`.
  bool WaitUntilIdle(std::chrono::steady_clock::time_point deadline);

 private:
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  int active_ = 0;
  std::shared_ptr<const LoadedModels> models_;
  std::optional<Error> failure_;
  std::atomic<bool> draining_ = false;
};

}  // namespace strata::serve
