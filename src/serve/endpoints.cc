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

Json ModelJson(const ServerState& state, const LoadedModel& model, const std::string& id) {
  return {{"id", id},
          {"object", "model"},
          {"created", model.served->created},
          {"owned_by", "strata"},
          {"root", state.options.model_name},
          {"parent", nullptr},
          {"max_model_len", model.max_context}};
}

HttpResponse ListModels(const ServerState& state, const LoadedModel& model) {
  Json data = Json::array({ModelJson(state, model, state.options.model_name)});
  for (const std::string& alias : state.options.model_aliases) data.push_back(ModelJson(state, model, alias));
  return Ok({{"object", "list"}, {"data", std::move(data)}});
}

Answer OneModel(const ServerState& state, const LoadedModel& model, const std::string& id) {
  if (!state.IsModelName(id)) return std::unexpected(ModelNotFound(id));
  return Ok(ModelJson(state, model, id));
}

Answer Tokenize(const ServerState& state, const LoadedModel& model, const HttpRequest& http) {
  Result<TokenizeRequest> request = ParseTokenizeRequest(http.body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  if (!request->model.empty() && !state.IsModelName(request->model)) {
    return std::unexpected(ModelNotFound(request->model));
  }
  std::vector<TokenId> tokens;
  if (request->chat_input) {
    request->chat_input->add_special_tokens = request->add_special_tokens;
    auto prompt = RenderPrompt(model, *request->chat_input);
    if (!prompt) return std::unexpected(std::move(prompt.error()));
    tokens = std::move(prompt->tokens);
  } else {
    tokens = model.tokenizer().Encode(*request->prompt,
                                      {.add_special_tokens = request->add_special_tokens, .parse_special = true});
  }
  Json strings;
  if (request->return_token_strs) {
    strings = Json::array();
    for (const TokenId token : tokens) strings.push_back(model.tokenizer().TokenText(token));
  }
  return Ok({{"count", tokens.size()},
             {"max_model_len", model.max_context},
             {"tokens", tokens},
             {"token_strs", std::move(strings)}});
}

Answer Detokenize(const ServerState& state, const LoadedModel& model, const HttpRequest& http) {
  const Result<DetokenizeRequest> request = ParseDetokenizeRequest(http.body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  if (!request->model.empty() && !state.IsModelName(request->model)) {
    return std::unexpected(ModelNotFound(request->model));
  }
  for (std::size_t i = 0; i < request->tokens.size(); ++i) {
    if (request->tokens[i] < model.tokenizer().vocab_size()) continue;
    return std::unexpected(ApiError{.message = fmt::format("tokens[{}]: {} is outside of the vocabulary [0, {})", i,
                                                           request->tokens[i], model.tokenizer().vocab_size()),
                                    .param = fmt::format("tokens[{}]", i)});
  }
  return Ok({{"prompt", model.tokenizer().Decode(request->tokens)}});
}

}  // namespace

Answer AnswerPlain(const ServerState& state, const RouteMatch& match, const HttpRequest& request) {
  if (match.route == Route::kVersion) return Ok({{"version", STRATA_VERSION}});
  if (match.route == Route::kMetrics) {
    return HttpResponse{.content_type = std::string(Metrics::kContentType), .body = state.metrics->Text()};
  }
  const auto model = state.Ready();
  if (!model) return std::unexpected(model.error());
  const std::int32_t tenant = TenantOf(state.options, request.authorization).value_or(0);
  switch (match.route) {
    case Route::kHealth:
      return Ok({{"status", "ok"}});
    case Route::kModels:
      return ListModels(state, **model);
    case Route::kModel:
      return OneModel(state, **model, match.argument);
    case Route::kTokenize:
      return Tokenize(state, **model, request);
    case Route::kDetokenize:
      return Detokenize(state, **model, request);
    case Route::kCountTokens:
      return anthropic::CountTokens(state, **model, request.body);
    case Route::kResponse:
      return responses::GetResponse(*state.responses, tenant, match.argument, request.query);
    case Route::kDeleteResponse:
      return responses::DeleteResponse(*state.responses, tenant, match.argument);
    case Route::kInputItems:
      return responses::ListInputItems(*state.responses, tenant, match.argument, request.query);
    case Route::kMcpDelete:
      return mcp::ServeDelete(state, request);
    case Route::kVersion:
    case Route::kMetrics:
    case Route::kChatCompletions:
    case Route::kCompletions:
    case Route::kResponses:
    case Route::kMessages:
    case Route::kMcp:
      break;
  }
  return std::unexpected(ApiError{.status = 500, .message = "not a plain endpoint", .type = "server_error"});
}

}  // namespace strata::serve
