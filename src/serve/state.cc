#include "serve/state.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "serve/knowledge/service.h"

namespace strata::serve {
namespace {

/// The publisher's template for tools, where it is not the one for everything.
std::shared_ptr<const ChatTemplate> ToolTemplate(const std::map<std::string, std::string>& templates) {
  const auto found = templates.find("tool_use");
  if (found == templates.end()) return nullptr;
  Result<ChatTemplate> parsed = ChatTemplate::Parse(found->second);
  if (parsed) return std::make_shared<const ChatTemplate>(std::move(*parsed));
  LogWarning("the chat template for tools is not used: {}", parsed.error().ToString());
  return nullptr;
}

/// By the template; where that says nothing of calls, by the special tokens that the publisher made for them.
const tools::Dialect& DialectOf(std::string_view template_source, const Tokenizer& tokenizer) {
  const tools::Dialect& by_template = tools::DetectDialect(template_source);
  if (&by_template != &tools::Dialects().back()) return by_template;
  std::string special;
  for (TokenId token = 0; token < tokenizer.vocab_size(); ++token) {
    if (tokenizer.IsSpecial(token)) special.append(tokenizer.TokenText(token)) += '\n';
  }
  return tools::DetectDialect(special);
}

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view DeedOf(ModelTask task) {
  switch (task) {
    case ModelTask::kGenerate:
      return "generates text";
    case ModelTask::kEmbed:
      return "makes embeddings";
    case ModelTask::kClassify:
      return "scores pairs of texts";
  }
  return "";
}

ApiError NotGenerating(const PoolingModel& model) {
  return {
      .message = fmt::format("The model `{}` {}, it does not generate text: {} takes it.", model.name(),
                             DeedOf(model.task()), model.task() == ModelTask::kEmbed ? "/v1/embeddings" : "/v1/rerank"),
      .param = "model",
      .code = "model_does_not_generate"};
}

/// "" where it is.
std::string WhyNotFor(PoolingUse use, const PoolingModel& model) {
  if (model.task() == ModelTask::kEmbed) return "";
  if (use == PoolingUse::kEmbed) return fmt::format("{}, it makes no embeddings", DeedOf(model.task()));
  const std::int64_t labels = model.served->engine->config().pooling.labels;
  return labels == 1 ? "" : fmt::format("has {} labels: it tells kinds of texts apart, and ranks none", labels);
}

}  // namespace

std::shared_ptr<const PoolingModel> LoadedModels::PoolingNamed(std::string_view name) const {
  const auto found = std::ranges::find_if(pooling, [&](const auto& model) { return Has(model->served->names, name); });
  return found == pooling.end() ? nullptr : *found;
}

std::expected<std::shared_ptr<const PoolingModel>, ApiError> LoadedModels::FindPooling(std::string_view name,
                                                                                       PoolingUse use) const {
  const auto refuse = [](std::string message) {
    return std::unexpected(ApiError{.message = std::move(message), .param = "model", .code = "model_not_for_this"});
  };
  if (!name.empty()) {
    const auto named = PoolingNamed(name);
    if (!named && Has(generator_names, name)) {
      return refuse(fmt::format("The model `{}` generates text, it makes neither embeddings nor scores.", name));
    }
    if (!named) return std::unexpected(ModelNotFound(name));
    const std::string why = WhyNotFor(use, *named);
    if (!why.empty()) return refuse(fmt::format("The model `{}` {}.", name, why));
    return named;
  }
  // A model that was made to rank is better at it than one that is not.
  const ModelTask best = use == PoolingUse::kEmbed ? ModelTask::kEmbed : ModelTask::kClassify;
  std::shared_ptr<const PoolingModel> other;
  for (const auto& model : pooling) {
    if (!WhyNotFor(use, *model).empty()) continue;
    if (model->task() == best) return model;
    if (!other) other = model;
  }
  if (other) return other;
  return refuse(use == PoolingUse::kEmbed ? "The server has no model that makes embeddings (--embedding-model)."
                                          : "The server has no model that scores pairs of texts (--rerank-model).");
}

void FindFormats(const ServerOptions& options, LoadedModel& model) {
  if (model.served->chat_template) model.chat = ProbeTemplate(model.served->chat_template);
  const auto& templates = model.served->file->chat_templates();
  if (auto tool_template = ToolTemplate(templates)) model.chat_with_tools = ProbeTemplate(std::move(tool_template));
  const auto source = templates.find(model.chat_with_tools ? "tool_use" : "default");
  const std::string_view text = source != templates.end() ? std::string_view(source->second) : "";
  model.dialect = options.tool_call_parser.empty() ? &DialectOf(text, model.tokenizer())
                                                   : tools::FindDialect(options.tool_call_parser);
  model.reasoning =
      options.reasoning_parser.empty() ? tools::DetectReasoning(text) : tools::FindReasoning(options.reasoning_parser);
  std::vector<std::string> markers = model.dialect->Markers();
  if (model.reasoning != nullptr) {
    markers.emplace_back(model.reasoning->open);
    markers.emplace_back(model.reasoning->close);
  }
  for (const std::string& marker : markers) {
    // A marker may be several tokens: "<|channel>thought", "<｜DSML｜invoke name=\"".
    for (const TokenId token : model.tokenizer().Encode(marker, {.add_special_tokens = false, .parse_special = true})) {
      if (model.tokenizer().IsSpecial(token)) model.markers.insert(token);
    }
  }
}

const ChatFormat& LoadedModel::ChatFor(const ChatInput& input) const {
  return chat_with_tools && input.variables->contains("tools") ? *chat_with_tools : *chat;
}

ServerState::ServerState(ServerOptions server_options)
    : options(std::move(server_options)),
      metrics(std::make_shared<Metrics>(options.model_name)),
      responses(std::make_shared<responses::ResponseStore>()),
      mcp_sessions(std::make_shared<mcp::Sessions>()),
      started_unix_seconds(UnixSeconds()) {}

namespace {

std::shared_ptr<const LoadedModel> LoadModel(const ServerOptions& options, std::shared_ptr<ServedModel> model) {
  auto loaded = std::make_shared<LoadedModel>();
  loaded->max_context = model->engine->max_context();
  loaded->fingerprint = fmt::format("strata-{}-{}", STRATA_VERSION, model->file->ContentKey().substr(0, 8));
  std::vector<TokenId> ends = model->engine->runner().config().eos_token_ids;
  if (ends.empty() && model->tokenizer->eos()) ends.push_back(*model->tokenizer->eos());
  loaded->grammars = std::make_unique<GrammarCache>(*model->tokenizer, std::move(ends));
  loaded->specials = std::make_unique<const SpecialTexts>(*model->tokenizer);
  loaded->tool_tokens = std::make_unique<ToolTokens>(*model->tokenizer);
  loaded->max_tool_tokens = options.max_tool_tokens > 0 ? options.max_tool_tokens : loaded->max_context / 4;
  loaded->served = std::move(model);
  FindFormats(options, *loaded);
  return loaded;
}

}  // namespace

void ServerState::SetModel(std::shared_ptr<ServedModel> model,
                           std::vector<std::shared_ptr<ServedPoolingModel>> pooling) {
  auto loaded = std::make_shared<LoadedModels>();
  if (model) {
    loaded->generator = LoadModel(options, std::move(model));
    loaded->generator_names = options.model_aliases;
    loaded->generator_names.push_back(options.model_name);
    metrics->SetModel(loaded->generator->served->engine, loaded->generator->max_context);
  }
  for (auto& one : pooling) {
    metrics->AddPooling(one->names.front(), one->engine);
    const std::int64_t max_context = one->engine->max_context();
    loaded->pooling.push_back(std::make_shared<const PoolingModel>(std::move(one), max_context));
  }
  const std::lock_guard lock(mutex_);
  models_ = std::move(loaded);
}

void ServerState::SetFailed(Error error) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

std::expected<std::shared_ptr<const LoadedModels>, ApiError> ServerState::Loaded() const {
  const auto unavailable = [](std::string message, std::string code) {
    return std::unexpected(ApiError{.status = 503,
                                    .message = std::move(message),
                                    .type = "unavailable_error",
                                    .code = std::move(code),
                                    .retry_after_seconds = 1});
  };
  if (draining_) return unavailable("The server is shutting down.", "shutting_down");
  const std::lock_guard lock(mutex_);
  if (models_) return models_;
  if (!failure_) return unavailable("The model is still loading.", "model_loading");
  return std::unexpected(ApiError{.status = 500,
                                  .message = "The model could not be loaded: " + failure_->ToString(),
                                  .type = "server_error",
                                  .code = "model_load_failed"});
}

std::expected<std::shared_ptr<const LoadedModel>, ApiError> ServerState::Ready() const {
  auto models = Loaded();
  if (!models) return std::unexpected(std::move(models.error()));
  if ((*models)->generator) return (*models)->generator;
  return std::unexpected(NotGenerating(*(*models)->pooling.front()));
}

ApiError ServerState::NoGenerator(std::string_view name) const {
  const auto models = Loaded();
  const auto pooling = models ? (*models)->PoolingNamed(name) : nullptr;
  return pooling ? NotGenerating(*pooling) : ModelNotFound(name);
}

bool ServerState::IsModelName(std::string_view name) const {
  return name == options.model_name || Has(options.model_aliases, name);
}

ServerState::Active::Active(ServerState& state) : state_(state) {
  const std::lock_guard lock(state_.mutex_);
  ++state_.active_;
}

ServerState::Active::~Active() {
  const std::lock_guard lock(state_.mutex_);
  --state_.active_;
  state_.idle_.notify_all();
}

bool ServerState::WaitUntilIdle(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, deadline, [&] { return active_ == 0; });
}

}  // namespace strata::serve
