#include "serve/endpoints.h"

#include <utility>
#include <vector>

#include "serve/anthropic/count_tokens.h"
#include "serve/generation.h"
#include "serve/mcp/endpoint.h"
#include "serve/request.h"
#include "serve/response_json.h"
#include "serve/responses/stored.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;

HttpResponse Ok(const Json& json) { return {.body = Dump(json)}; }

Json ModelJson(const std::string& id, const std::string& root, std::int64_t created, std::int64_t max_context) {
  return {{"id", id},     {"object", "model"}, {"created", created},          {"owned_by", "strata"},
          {"root", root}, {"parent", nullptr}, {"max_model_len", max_context}};
}

/// All ids, those of the model that generates first.
Json ModelList(const ServerState& state, const LoadedModels& models) {
  Json list = Json::array();
  if (const auto& model = models.generator) {
    const auto add = [&](const std::string& id) {
      list.push_back(ModelJson(id, state.options.model_name, model->served->created, model->max_context));
    };
    add(state.options.model_name);
    for (const std::string& alias : state.options.model_aliases) add(alias);
  }
  for (const auto& model : models.pooling) {
    for (const std::string& id : model->served->names) {
      list.push_back(ModelJson(id, model->name(), model->served->created, model->max_context));
    }
  }
  return list;
}

HttpResponse ListModels(const ServerState& state, const LoadedModels& models) {
  return Ok({{"object", "list"}, {"data", ModelList(state, models)}});
}

Answer OneModel(const ServerState& state, const LoadedModels& models, const std::string& id) {
  for (const Json& model : ModelList(state, models)) {
    if (model["id"] == id) return Ok(model);
  }
  return std::unexpected(ModelNotFound(id));
}

/// Whose tokens a request is about.
struct TokenizingModel {
  const Tokenizer& tokenizer;
  std::int64_t max_context;
  const LoadedModel* generator;  ///< null: a pooling model
};

std::expected<TokenizingModel, ApiError> FindTokenizer(const ServerState& state, const LoadedModels& models,
                                                       const std::string& name) {
  if (models.generator && (name.empty() || state.IsModelName(name))) {
    return TokenizingModel{models.generator->tokenizer(), models.generator->max_context, models.generator.get()};
  }
  const auto pooling = name.empty() ? models.pooling.front() : models.PoolingNamed(name);
  if (!pooling) return std::unexpected(ModelNotFound(name));
  return TokenizingModel{pooling->tokenizer(), pooling->max_context, nullptr};
}

Answer Tokenize(const ServerState& state, const LoadedModels& models, const HttpRequest& http) {
  Result<TokenizeRequest> request = ParseTokenizeRequest(http.body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  const auto model = FindTokenizer(state, models, request->model);
  if (!model) return std::unexpected(model.error());
  std::vector<TokenId> tokens;
  if (request->chat_input) {
    request->chat_input->add_special_tokens = request->add_special_tokens;
    if (model->generator == nullptr) {
      return std::unexpected(
          ApiError{.message = "messages: the model does not take messages, only a prompt", .param = "messages"});
    }
    auto prompt = RenderPrompt(*model->generator, *request->chat_input);
    if (!prompt) return std::unexpected(std::move(prompt.error()));
    tokens = std::move(prompt->tokens);
  } else {
    tokens = model->tokenizer.Encode(*request->prompt,
                                     {.add_special_tokens = request->add_special_tokens, .parse_special = true});
  }
  Json strings;
  if (request->return_token_strs) {
    strings = Json::array();
    for (const TokenId token : tokens) strings.push_back(model->tokenizer.TokenText(token));
  }
  return Ok({{"count", tokens.size()},
             {"max_model_len", model->max_context},
             {"tokens", tokens},
             {"token_strs", std::move(strings)}});
}

Answer Detokenize(const ServerState& state, const LoadedModels& models, const HttpRequest& http) {
  const Result<DetokenizeRequest> request = ParseDetokenizeRequest(http.body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  const auto model = FindTokenizer(state, models, request->model);
  if (!model) return std::unexpected(model.error());
  for (std::size_t i = 0; i < request->tokens.size(); ++i) {
    if (request->tokens[i] < model->tokenizer.vocab_size()) continue;
    return std::unexpected(ApiError{.message = fmt::format("tokens[{}]: {} is outside of the vocabulary [0, {})", i,
                                                           request->tokens[i], model->tokenizer.vocab_size()),
                                    .param = fmt::format("tokens[{}]", i)});
  }
  return Ok({{"prompt", model->tokenizer.Decode(request->tokens)}});
}

}  // namespace

Answer AnswerPlain(const ServerState& state, const RouteMatch& match, const HttpRequest& request) {
  if (match.route == Route::kVersion) return Ok({{"version", STRATA_VERSION}});
  if (match.route == Route::kMetrics) {
    return HttpResponse{.content_type = std::string(Metrics::kContentType), .body = state.metrics->Text()};
  }
  const auto models = state.Loaded();
  if (!models) return std::unexpected(models.error());
  const std::int32_t tenant = TenantOf(state.options, request.authorization).value_or(0);
  switch (match.route) {
    case Route::kHealth:
      return Ok({{"status", "ok"}});
    case Route::kModels:
      return ListModels(state, **models);
    case Route::kModel:
      return OneModel(state, **models, match.arguments[0]);
    case Route::kTokenize:
      return Tokenize(state, **models, request);
    case Route::kDetokenize:
      return Detokenize(state, **models, request);
    case Route::kCountTokens: {
      const auto model = state.Ready();
      if (!model) return std::unexpected(model.error());
      return anthropic::CountTokens(state, **model, request.body);
    }
    case Route::kResponse:
      return responses::GetResponse(*state.responses, tenant, match.arguments[0], request.query);
    case Route::kDeleteResponse:
      return responses::DeleteResponse(*state.responses, tenant, match.arguments[0]);
    case Route::kInputItems:
      return responses::ListInputItems(*state.responses, tenant, match.arguments[0], request.query);
    case Route::kMcpDelete:
      return mcp::ServeDelete(state, request);
    default:  // not plain, or answered above
      break;
  }
  return std::unexpected(ApiError{.status = 500, .message = "not a plain endpoint", .type = "server_error"});
}

}  // namespace strata::serve
