#include "cli/session.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread_team.h"
#include "cli/progress.h"
#include "engine/generate.h"
#include "formats/chat_format.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t stop_requested = 0;

std::string HomeDirectory() {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "/tmp" : home;
}

}  // namespace

std::string UserDirectory(const char* variable, std::string_view in_home) {
  const char* xdg = std::getenv(variable);
  const std::string base = xdg != nullptr && *xdg != '\0' ? xdg : fmt::format("{}/{}", HomeDirectory(), in_home);
  const std::string directory = base + "/strata";
  std::error_code ignored;  // whoever writes there gets the error, with the path
  fs::create_directories(directory, ignored);
  return directory;
}

std::string CacheDirectory() { return UserDirectory("XDG_CACHE_HOME", ".cache"); }

Result<std::string> ResolveModel(const std::string& name) {
  std::error_code error;
  if (fs::exists(name, error)) return name;
  const std::string models = CacheDirectory() + "/models";
  for (const std::string& candidate : {fmt::format("{}/{}", models, name), fmt::format("{}/{}.gguf", models, name)}) {
    if (fs::exists(candidate, error)) return candidate;
  }
  return Fail(ErrorCode::kNotFound,
              "no model {}: neither a file or folder here nor in {} (strata model ls shows those, strata model pull "
              "fetches one)",
              name, models);
}

RunnerOptions ToRunnerOptions(const LoadOptions& options) {
  RunnerOptions runner;
  runner.threads = options.threads;
  runner.max_context = options.max_context;
  runner.kv_bytes = static_cast<std::uint64_t>(options.kv_gib * (1ULL << 30));
  runner.max_sequences = options.max_sequences;
  runner.max_step_tokens = options.max_step_tokens;
  runner.activations = options.activations;
  runner.kv_dtype = options.kv_dtype;
  runner.own_weights = options.own_weights;
  if (!options.no_cache) runner.cache_directory = CacheDirectory();
  return runner;
}

Result<Session> OpenSession(const std::string& path) {
  Session session;
  STRATA_TRY(std::unique_ptr<ModelFile> file, ModelFile::Open(path));
  session.file = std::move(file);
  STRATA_TRY(std::unique_ptr<Tokenizer> tokenizer, session.file->LoadTokenizer(), "while loading the tokenizer of {}",
             path);
  session.tokenizer = std::move(tokenizer);
  const auto& templates = session.file->chat_templates();
  if (const auto found = templates.find("default"); found != templates.end()) {
    STRATA_TRY(ChatTemplate parsed, ChatTemplate::Parse(found->second), "in the chat template of {}", path);
    session.chat_template = std::move(parsed);
  }
  return session;
}

Result<std::unique_ptr<ModelRunner>> LoadRunner(const Session& session, const LoadOptions& options) {
  ProgressBar bar;
  RunnerOptions runner_options = ToRunnerOptions(options);
  runner_options.progress = [&](double fraction, std::string_view stage) { bar.Update(fraction, stage); };
  return ModelRunner::Load(session.file, runner_options);
}

namespace {

/// The model that speculates for that of `session`; null where none is wanted.
Result<std::unique_ptr<ModelRunner>> LoadDraftModel(const Session& session, const LoadOptions& options) {
  if (options.draft_model.empty()) return nullptr;
  STRATA_TRY(const std::string path, ResolveModel(options.draft_model));
  STRATA_TRY(const Session draft, OpenSession(path));
  const Tokenizer& own = *session.tokenizer;
  const Tokenizer& other = *draft.tokenizer;
  const auto refuse = [&](std::string why) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, fmt::format("the draft model {} has another vocabulary: {}", path, why))
            .WithParam("draft_model"));
  };
  if (draft.file->config().vocab != session.file->config().vocab) {
    return refuse(fmt::format("{} tokens, not {}", draft.file->config().vocab, session.file->config().vocab));
  }
  for (TokenId id = 0; id < std::min(own.vocab_size(), other.vocab_size()); ++id) {
    if (own.TokenBytes(id) != other.TokenBytes(id)) {
      return refuse(fmt::format("token {} is {:?}, not {:?}", id, other.TokenText(id), own.TokenText(id)));
    }
  }
  LoadOptions load = options;
  load.kv_gib = 0;
  return LoadRunner(draft, load);
}

}  // namespace

Result<std::unique_ptr<Engine>> StartEngine(const Session& session, const LoadOptions& options,
                                            std::shared_ptr<EngineObserver> observer) {
  if (session.file->config().whole()) {
    return Fail(ErrorCode::kUnsupported, "{} gives vectors or scores for texts, it does not generate (strata serve)",
                session.file->path());
  }
  STRATA_TRY(std::unique_ptr<ModelRunner> runner, LoadRunner(session, options));
  STRATA_TRY(std::unique_ptr<ModelRunner> draft, LoadDraftModel(session, options));
  EngineOptions engine_options;
  engine_options.scheduler = options.scheduler;
  engine_options.scheduler.max_sequences = runner->options().max_sequences;
  engine_options.scheduler.max_step_tokens = runner->options().max_step_tokens;
  engine_options.max_queued = options.max_queued;
  engine_options.prefix_cache = !options.no_prefix_cache;
  engine_options.max_draft_tokens = options.draft_tokens;
  engine_options.masks_ahead = runner->options().threads < AvailableCpus();
  return std::make_unique<Engine>(std::move(runner), session.tokenizer, engine_options, std::move(observer),
                                  std::move(draft));
}

Result<std::shared_ptr<PoolingEngine>> StartPoolingEngine(const Session& session, const LoadOptions& options) {
  const ModelConfig& config = session.file->config();
  if (!config.whole()) {
    return Fail(ErrorCode::kUnsupported, "{} generates text, it makes neither embeddings nor scores",
                session.file->path());
  }
  if (config.pooling.pooling == Pooling::kNone) {
    return Fail(ErrorCode::kUnsupported, "{} gives a vector for each token (pooling_type 0), not one for a text",
                session.file->path());
  }
  STRATA_TRY(std::unique_ptr<ModelRunner> runner, LoadRunner(session, options));
  PoolingEngineOptions engine;
  engine.step_tokens = options.max_step_tokens;
  engine.max_queued = options.max_queued;
  engine.tenant_weights = options.scheduler.tenant_weights;
  return std::make_shared<PoolingEngine>(std::move(runner), std::move(engine));
}

Result<std::vector<TokenId>> EncodeChat(const Session& session, const nlohmann::ordered_json& messages) {
  if (!session.chat_template) {
    return session.tokenizer->Encode(messages.back().at("content").get<std::string>());
  }
  STRATA_TRY(const std::string prompt,
             RenderPrompt(*session.chat_template, {{"messages", messages}, {"add_generation_prompt", true}},
                          *session.tokenizer, UnixSeconds()));
  return session.tokenizer->Encode(prompt, {.add_special_tokens = false, .parse_special = true});
}

Result<std::int64_t> Generate(Engine& engine, std::vector<TokenId> prompt, const SamplingParams& sampling,
                              const std::function<void(std::string_view)>& on_text) {
  EngineRequest request;
  request.prompt = std::move(prompt);
  request.sampling = sampling;
  STRATA_TRY(const GeneratedTokens generated, GenerateText(engine, std::move(request), [&](std::string_view text) {
               if (!text.empty()) on_text(text);
               return !StopRequested();
             }));
  return generated.count;
}

void InstallStopSignals() {
  struct sigaction action{};
  action.sa_handler = [](int) { stop_requested = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool StopRequested() { return stop_requested != 0; }
void ClearStop() { stop_requested = 0; }

}  // namespace strata::cli
