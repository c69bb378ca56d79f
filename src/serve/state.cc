#include "serve/state.h"

#include <algorithm>

#include "base/clock.h"
#include "serve/chat_prompt.h"

namespace strata::serve {

ServerState::ServerState(ServerOptions server_options)
    : options(std::move(server_options)),
      metrics(std::make_shared<Metrics>(options.model_name)),
      started_unix_seconds(UnixSeconds()) {}

void ServerState::SetModel(std::shared_ptr<ServedModel> model) {
  auto loaded = std::make_shared<LoadedModel>();
  loaded->max_context = model->engine->max_context();
  loaded->fingerprint = fmt::format("strata-{}-{}", STRATA_VERSION, model->file->ContentKey().substr(0, 8));
  loaded->template_takes_parts = model->chat_template && TemplateTakesParts(*model->chat_template);
  std::vector<TokenId> ends = model->engine->runner().config().eos_token_ids;
  if (ends.empty() && model->tokenizer->eos()) ends.push_back(*model->tokenizer->eos());
  loaded->grammars = std::make_unique<GrammarCache>(*model->tokenizer, std::move(ends));
  metrics->SetModel(model->engine, loaded->max_context);
  loaded->served = std::move(model);
  const std::lock_guard lock(mutex_);
  model_ = std::move(loaded);
}

void ServerState::SetFailed(Error error) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

std::expected<std::shared_ptr<const LoadedModel>, ApiError> ServerState::Ready() const {
  const auto unavailable = [](std::string message, std::string code) {
    return std::unexpected(ApiError{.status = 503,
                                    .message = std::move(message),
                                    .type = "unavailable_error",
                                    .code = std::move(code),
                                    .retry_after_seconds = 1});
  };
  if (draining_) return unavailable("The server is shutting down.", "shutting_down");
  const std::lock_guard lock(mutex_);
  if (model_) return model_;
  if (!failure_) return unavailable("The model is still loading.", "model_loading");
  return std::unexpected(ApiError{.status = 500,
                                  .message = "The model could not be loaded: " + failure_->ToString(),
                                  .type = "server_error",
                                  .code = "model_load_failed"});
}

bool ServerState::IsModelName(std::string_view name) const {
  return name == options.model_name || std::ranges::find(options.model_aliases, name) != options.model_aliases.end();
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
