// /v1/embeddings, as OpenAI has it.
#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "serve/pooling/base64.h"
#include "serve/pooling/call.h"
#include "serve/pooling/inputs.h"
#include "serve/pooling/request.h"

namespace strata::serve::pooling {
namespace {

std::unexpected<ApiError> Refuse(const char* field, std::string message) {
  return std::unexpected(ApiError{.message = fmt::format("{}: {}", field, message), .param = field});
}

std::expected<void, ApiError> CheckDimensions(const PoolingModel& model, const EmbeddingRequest& request) {
  if (!request.dimensions) return {};
  const ModelConfig& config = model.served->engine->config();
  const std::int64_t width = config.output_width();
  if (*request.dimensions > width) {
    return Refuse("dimensions", fmt::format("the model's vectors have {}, not {}", width, *request.dimensions));
  }
  const std::vector<std::int64_t>& known = config.pooling.dimensions;
  const bool any = known.empty() || *request.dimensions == width;
  if (any || std::ranges::find(known, *request.dimensions) != known.end()) return {};
  return Refuse("dimensions", fmt::format("the model's vectors may be cut to {} dimensions", fmt::join(known, ", ")));
}

std::expected<std::string_view, ApiError> PromptOf(const PoolingModel& model, const EmbeddingRequest& request) {
  const PoolingConfig& config = model.served->engine->config().pooling;
  const std::string& name = request.prompt_name ? *request.prompt_name : config.default_prompt;
  if (name.empty()) return "";
  if (const auto found = config.prompts.find(name); found != config.prompts.end()) return found->second;
  return Refuse("prompt_name", fmt::format("the model has no prompt {}", name));
}

void AppendVector(std::span<const float> vector, bool base64, std::string& out) {
  if (base64) {
    static_assert(std::endian::native == std::endian::little, "OpenAI's base64 is of little-endian f32");
    out += '"';
    AppendBase64(std::as_bytes(vector), out);
    out += '"';
    return;
  }
  out += '[';
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (i != 0) out += ',';
    fmt::format_to(std::back_inserter(out), "{}", vector[i]);
  }
  out += ']';
}

/// Written as it is made: a document of a tree of numbers would take many times its bytes.
std::string EmbeddingsBody(PooledRows rows, const std::string& model, std::int64_t dimensions, bool normalize,
                           bool base64) {
  std::string body = R"({"object":"list","data":[)";
  const auto width = static_cast<std::size_t>(rows.width);
  for (std::size_t i = 0; i * width < rows.values.size(); ++i) {
    const auto vector = std::span(rows.values).subspan(i * width, static_cast<std::size_t>(dimensions));
    if (normalize) NormalizeVector(vector);
    fmt::format_to(std::back_inserter(body), R"({}{{"object":"embedding","index":{},"embedding":)", i == 0 ? "" : ",",
                   i);
    AppendVector(vector, base64, body);
    body += '}';
  }
  fmt::format_to(std::back_inserter(body), R"(],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                 nlohmann::json(model).dump(), rows.tokens, rows.tokens);
  return body;
}

}  // namespace

CallOrError MakeEmbeddingCall(const LoadedModels& models, std::string_view body) {
  const Result<EmbeddingRequest> request = ParseEmbeddingRequest(body);
  if (!request) return std::unexpected(ToApiError(request.error()));
  auto model = models.FindPooling(request->common.model, PoolingUse::kEmbed);
  if (!model) return std::unexpected(std::move(model.error()));
  if (auto good = CheckDimensions(**model, *request); !good) return std::unexpected(std::move(good.error()));
  const auto prompt = PromptOf(**model, *request);
  if (!prompt) return std::unexpected(prompt.error());
  Call call{.model = *model, .inputs = {}, .answer = {}};
  const InputLimits limits{request->common.truncate_prompt_tokens, request->add_special_tokens};
  for (std::size_t i = 0; i < request->inputs.size(); ++i) {
    const std::string field = request->inputs.size() == 1 ? "input" : fmt::format("input[{}]", i);
    auto input = MakeInput(**model, request->inputs[i], *prompt, limits, field);
    if (!input) return std::unexpected(std::move(input.error()));
    call.inputs.push_back(std::move(*input));
  }
  const ModelConfig& config = (*model)->served->engine->config();
  call.answer = [name = (*model)->name(), dimensions = request->dimensions.value_or(config.output_width()),
                 normalize = request->normalize.value_or(config.pooling.normalize), base64 = request->base64](
                    PooledRows&& rows) { return EmbeddingsBody(std::move(rows), name, dimensions, normalize, base64); };
  return call;
}

}  // namespace strata::serve::pooling
