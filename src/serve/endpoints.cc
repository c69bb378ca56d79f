#include "serve/endpoints.h"

#include <expected>

#include "base/clock.h"
#include "serve/chat_prompt.h"
#include "serve/request.h"
#include "serve/response_json.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;
using Answer = std::expected<HttpResponse, ApiError>;

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
  const Result<TokenizeRequest> request = ParseTokenizeRequest(http.body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  if (!request->model.empty() && !state.IsModelName(request->model)) {
    return std::unexpected(ModelNotFound(request->model));
  }
  std::string text;
  if (request->chat_input) {
    if (!model.chat) {
      return std::unexpected(ApiError{.message = "The model has no chat template, so it cannot take messages.",
                                      .param = "messages",
                                      .code = "no_chat_template"});
    }
    auto rendered = RenderChat(model.ChatFor(*request->chat_input), *model.dialect, *request->chat_input,
                               model.tokenizer(), UnixSeconds());
    if (!rendered) return std::unexpected(ToApiError(rendered.error()));
    text = std::move(*rendered);
  } else {
    text = *request->prompt;
  }
  const std::vector<TokenId> tokens =
      model.tokenizer().Encode(text, {.add_special_tokens = request->add_special_tokens, .parse_special = true});
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

Answer Dispatch(const ServerState& state, const RouteMatch& match, const HttpRequest& request) {
  if (match.route == Route::kVersion) return Ok({{"version", STRATA_VERSION}});
  if (match.route == Route::kMetrics) {
    return HttpResponse{.content_type = std::string(Metrics::kContentType), .body = state.metrics->Text()};
  }
  const auto model = state.Ready();
  if (!model) return std::unexpected(model.error());
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
    case Route::kVersion:
    case Route::kMetrics:
    case Route::kChatCompletions:
    case Route::kCompletions:
      break;
  }
  return std::unexpected(ApiError{.status = 500, .message = "not a plain endpoint", .type = "server_error"});
}

}  // namespace

HttpResponse AnswerPlain(const ServerState& state, const RouteMatch& match, const HttpRequest& request) {
  Answer answer = Dispatch(state, match, request);
  return answer ? std::move(*answer) : ErrorResponse(answer.error());
}

}  // namespace strata::serve
