// /v1/rerank, as Jina, Cohere and vLLM have it, and vLLM's /score.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "engine/pooling_input.h"
#include "serve/http.h"
#include "serve/pooling/call.h"
#include "serve/pooling/inputs.h"
#include "serve/pooling/request.h"
#include "serve/response_json.h"

namespace strata::serve::pooling {
namespace {

using Json = nlohmann::ordered_json;

/// Pairs of texts, and what the fields are called that they come from. One first text may stand for all.
struct Pairs {
  const std::vector<std::string>& first;
  const std::vector<std::string>& second;
  std::string_view first_field, second_field;
  std::span<const std::string_view> first_prompts = {}, second_prompts = {};  ///< names, the first that the model has
  InputLimits limits;

  std::size_t first_of(std::size_t pair) const { return first.size() == 1 ? 0 : pair; }
};

std::string Place(std::string_view field, std::size_t index, std::size_t count) {
  return count == 1 ? std::string(field) : fmt::format("{}[{}]", field, index);
}

std::expected<std::vector<PoolingInput>, ApiError> MakePairs(const PoolingModel& model, const Pairs& pairs) {
  std::vector<PoolingInput> inputs;
  for (std::size_t i = 0; i < pairs.second.size(); ++i) {
    auto input = MakePair(model, pairs.first[pairs.first_of(i)], pairs.second[i], pairs.limits,
                          Place(pairs.second_field, i, pairs.second.size()));
    if (!input) return std::unexpected(std::move(input.error()));
    inputs.push_back(std::move(*input));
  }
  return inputs;
}

/// All first texts, then all second ones.
std::expected<std::vector<PoolingInput>, ApiError> MakeTexts(const PoolingModel& model, const Pairs& pairs) {
  std::vector<PoolingInput> inputs;
  const auto add = [&](const std::vector<std::string>& texts, std::string_view field,
                       std::span<const std::string_view> prompts) -> std::expected<void, ApiError> {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      auto input = MakeInput(model, texts[i], PoolingPromptOf(model.served->engine->config().pooling, prompts),
                             pairs.limits, Place(field, i, texts.size()));
      if (!input) return std::unexpected(std::move(input.error()));
      inputs.push_back(std::move(*input));
    }
    return {};
  };
  if (auto good = add(pairs.first, pairs.first_field, pairs.first_prompts); !good) return std::unexpected(good.error());
  if (auto good = add(pairs.second, pairs.second_field, pairs.second_prompts); !good) {
    return std::unexpected(good.error());
  }
  return inputs;
}

float Cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0, a_squares = 0, b_squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    a_squares += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    b_squares += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  const double length = std::sqrt(a_squares * b_squares);
  return static_cast<float>(length > 0 ? product / length : 0);
}

/// A call whose answer is made of one score for each pair; `write` gets these and the number of tokens.
CallOrError MakeCall(std::shared_ptr<const PoolingModel> model, const Pairs& pairs,
                     std::function<std::string(const std::vector<float>&, std::int64_t)> write) {
  const bool classifies = model->served->engine->config().task == ModelTask::kClassify;
  auto inputs = classifies ? MakePairs(*model, pairs) : MakeTexts(*model, pairs);
  if (!inputs) return std::unexpected(std::move(inputs.error()));
  Call call{.model = std::move(model), .inputs = std::move(*inputs), .answer = {}};
  call.answer = [classifies, first = pairs.first.size(), second = pairs.second.size(),
                 write = std::move(write)](PooledRows&& rows) {
    if (classifies) return write(rows.values, rows.tokens);
    std::vector<float> scores(second);
    for (std::size_t i = 0; i < second; ++i) scores[i] = Cosine(rows.row(first == 1 ? 0 : i), rows.row(first + i));
    return write(scores, rows.tokens);
  };
  return call;
}

Json UsageJson(std::int64_t tokens) { return {{"prompt_tokens", tokens}, {"total_tokens", tokens}}; }

std::string RerankBody(const RerankRequest& request, const std::string& model, const std::vector<float>& scores,
                       std::int64_t tokens) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return scores[i]; });
  const auto wanted = static_cast<std::size_t>(request.top_n.value_or(static_cast<std::int64_t>(order.size())));
  order.resize(std::min(order.size(), wanted));
  Json results = Json::array();
  for (const std::size_t i : order) {
    Json result = {{"index", i}, {"relevance_score", scores[i]}};
    if (request.return_documents) result["document"] = {{"text", request.documents[i]}};
    results.push_back(std::move(result));
  }
  return Dump(
      {{"id", MakeId("rerank-")}, {"model", model}, {"usage", UsageJson(tokens)}, {"results", std::move(results)}});
}

std::string ScoreBody(const std::string& model, const std::vector<float>& scores, std::int64_t tokens) {
  Json data = Json::array();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    data.push_back({{"index", i}, {"object", "score"}, {"score", scores[i]}});
  }
  return Dump({{"id", MakeId("score-")},
               {"object", "list"},
               {"created", UnixSeconds()},
               {"model", model},
               {"data", std::move(data)},
               {"usage", UsageJson(tokens)}});
}

}  // namespace

CallOrError MakeRerankCall(const LoadedModels& models, std::string_view body) {
  Result<RerankRequest> request = ParseRerankRequest(body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  auto model = models.FindPooling(request->common.model, PoolingUse::kScore);
  if (!model) return std::unexpected(std::move(model.error()));
  const std::vector<std::string> query = {request->query};
  const auto kept = std::make_shared<const RerankRequest>(std::move(*request));
  return MakeCall(*model,
                  {.first = query,
                   .second = kept->documents,
                   .first_field = "query",
                   .second_field = "documents",
                   .first_prompts = kQueryPrompts,
                   .second_prompts = kPassagePrompts,
                   .limits = {kept->common.truncate_prompt_tokens}},
                  [kept, name = (*model)->name()](const std::vector<float>& scores, std::int64_t tokens) {
                    return RerankBody(*kept, name, scores, tokens);
                  });
}

CallOrError MakeScoreCall(const LoadedModels& models, std::string_view body) {
  const Result<ScoreRequest> request = ParseScoreRequest(body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  auto model = models.FindPooling(request->common.model, PoolingUse::kScore);
  if (!model) return std::unexpected(std::move(model.error()));
  return MakeCall(*model,
                  {.first = request->first,
                   .second = request->second,
                   .first_field = "text_1",
                   .second_field = "text_2",
                   .limits = {request->common.truncate_prompt_tokens}},
                  [name = (*model)->name()](const std::vector<float>& scores, std::int64_t tokens) {
                    return ScoreBody(name, scores, tokens);
                  });
}

}  // namespace strata::serve::pooling
