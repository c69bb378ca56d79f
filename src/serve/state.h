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

#include "serve/api_error.h"
#include "serve/chat_prompt.h"
#include "serve/grammar_cache.h"
#include "serve/mcp/sessions.h"
#include "serve/mcp_servers.h"
#include "serve/metrics.h"
#include "serve/responses/response_store.h"
#include "serve/server.h"
#include "serve/special_text.h"
#include "serve/tool_selection.h"

namespace strata::serve {

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
  /// Set before the first connection, gone before the I/O context.
  std::unique_ptr<McpServers> mcp_servers;
  const std::int64_t started_unix_seconds;
  std::atomic<int> connections = 0;

  void SetModel(std::shared_ptr<ServedModel> model);
  void SetFailed(Error error);
  void SetDraining() { draining_ = true; }
  bool draining() const { return draining_; }

  /// The model, or why there is none now: 503 while loading or draining, 500 when loading failed.
  std::expected<std::shared_ptr<const LoadedModel>, ApiError> Ready() const;

  /// Whether clients may call the model so.
  bool IsModelName(std::string_view name) const;

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
  std::shared_ptr<const LoadedModel> model_;
  std::optional<Error> failure_;
  std::atomic<bool> draining_ = false;
};

}  // namespace strata::serve
