// What most commands need: where the user's cache is, which file a model's name means, and the model loaded.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/pooling_engine.h"
#include "formats/chat_template.h"
#include "formats/model_file.h"

namespace strata::cli {

/// strata's folder in what an XDG variable names ("XDG_DATA_HOME"), else in the home's `in_home`; created.
std::string UserDirectory(const char* variable, std::string_view in_home);

/// $XDG_CACHE_HOME/strata or ~/.cache/strata; created.
std::string CacheDirectory();

/// A path that exists, else a name in the cache ("smollm2", a file's stem). Errors: kNotFound saying what was tried.
Result<std::string> ResolveModel(const std::string& name_or_path);

/// Options that every command with an engine shares.
struct LoadOptions {
  int threads = 0;
  std::int64_t max_context = 0;
  double kv_gib = 0;
  std::int64_t max_sequences = 64;
  std::int64_t max_step_tokens = 512;
  std::optional<kernels::Activations> activations = {};
  /// Of models that make embeddings; none: as the command thinks best.
  std::optional<kernels::Activations> embedding_activations = {};
  std::optional<DType> kv_dtype = {};
  std::int64_t max_queued = 1024;
  bool no_prefix_cache = false;
  std::int64_t draft_tokens = EngineOptions().max_draft_tokens;
  std::string draft_model = {};     ///< empty = none
  SchedulerOptions scheduler = {};  ///< but max_sequences and max_step_tokens, which are above
  bool no_cache = false;
  bool own_weights = false;  ///< as RunnerOptions'
};

RunnerOptions ToRunnerOptions(const LoadOptions& options);

struct Session {
  std::shared_ptr<const ModelFile> file;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;
};

/// File, tokenizer and template; no weights.
Result<Session> OpenSession(const std::string& path);

/// The runner with a progress bar on stderr (only when that is a terminal).
Result<std::unique_ptr<ModelRunner>> LoadRunner(const Session& session, const LoadOptions& options);

/// Errors: kUnsupported for a model that does not generate, besides those of loading.
Result<std::unique_ptr<Engine>> StartEngine(const Session& session, const LoadOptions& options,
                                            std::shared_ptr<EngineObserver> observer = nullptr);

/// The engine of a model that gives vectors or scores. Errors: kUnsupported for one that generates, or that gives a
/// vector for each token.
Result<std::shared_ptr<PoolingEngine>> StartPoolingEngine(const Session& session, const LoadOptions& options);

/// The prompt of a conversation: the model's template, or the bare text of the last message when it has none.
Result<std::vector<TokenId>> EncodeChat(const Session& session, const nlohmann::ordered_json& messages);

/// Generates until the end, giving text pieces to `on_text`. Returns the number of tokens.
Result<std::int64_t> Generate(Engine& engine, std::vector<TokenId> prompt, const SamplingParams& sampling,
                              const std::function<void(std::string_view)>& on_text);

/// True once SIGINT or SIGTERM arrived; InstallStopSignals makes them set it instead of killing the process.
void InstallStopSignals();
bool StopRequested();
void ClearStop();

}  // namespace strata::cli
