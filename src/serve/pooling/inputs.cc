#include "serve/pooling/inputs.h"

#include <algorithm>
#include <utility>

#include "engine/pooling_input.h"

namespace strata::serve::pooling {
namespace {

std::unexpected<ApiError> Refuse(const std::string& field, std::string code, std::string message) {
  return std::unexpected(
      ApiError{.message = fmt::format("{}: {}", field, message), .param = field, .code = std::move(code)});
}

/// Tokens of an input, special ones included.
std::expected<std::int64_t, ApiError> MostTokens(const PoolingModel& model, const InputLimits& limits) {
  const std::int64_t wanted = limits.truncate.value_or(-1);
  if (wanted <= model.max_context) return wanted == -1 ? model.max_context : wanted;
  return Refuse("truncate_prompt_tokens", "", fmt::format("{} tokens: the model takes {}", wanted, model.max_context));
}

std::expected<void, ApiError> CheckTokens(const PoolingModel& model, const std::string& field,
                                          const std::vector<TokenId>& tokens) {
  if (tokens.empty()) return Refuse(field, "", "there are no tokens");
  if (static_cast<std::int64_t>(tokens.size()) > model.max_context) {
    return Refuse(field, "context_length_exceeded",
                  fmt::format("This model's maximum context length is {} tokens, but the input has {} tokens. Please "
                              "shorten it, or set truncate_prompt_tokens.",
                              model.max_context, tokens.size()));
  }
  const std::int64_t vocab = model.served->engine->config().vocab;
  for (const TokenId token : tokens) {
    if (token >= 0 && token < vocab) continue;
    return Refuse(field, "", fmt::format("token {} is outside of the vocabulary [0, {})", token, vocab));
  }
  return {};
}

}  // namespace

std::expected<PoolingInput, ApiError> MakeInput(const PoolingModel& model, const PromptInput& input,
                                                std::string_view prompt, const InputLimits& limits,
                                                const std::string& field) {
  const auto most = MostTokens(model, limits);
  if (!most) return std::unexpected(most.error());
  const std::optional<std::int64_t> cut = limits.truncate ? *most : std::optional<std::int64_t>();
  PoolingInput made;
  if (const auto* text = std::get_if<std::string>(&input); text != nullptr && limits.add_special_tokens) {
    made = PoolingInputOf(model.tokenizer(), std::string(prompt) + *text, cut);
  } else {
    made.tokens = text == nullptr ? std::get<std::vector<TokenId>>(input)
                                  : model.tokenizer().Encode(std::string(prompt) + *text,
                                                             {.add_special_tokens = false, .parse_special = false});
    if (cut)
      made.tokens.resize(std::min(made.tokens.size(), static_cast<std::size_t>(std::max<std::int64_t>(*cut, 0))));
  }
  if (auto good = CheckTokens(model, field, made.tokens); !good) return std::unexpected(std::move(good.error()));
  return made;
}

std::expected<PoolingInput, ApiError> MakePair(const PoolingModel& model, std::string_view first,
                                               std::string_view second, const InputLimits& limits,
                                               const std::string& field) {
  const auto most = MostTokens(model, limits);
  if (!most) return std::unexpected(most.error());
  Result<PoolingInput> made = PoolingPairOf(model.tokenizer(), model.served->engine->config(), first, second,
                                            limits.truncate ? *most : std::optional<std::int64_t>());
  if (!made) return Refuse(field, "", made.error().message());
  if (auto good = CheckTokens(model, field, made->tokens); !good) return std::unexpected(std::move(good.error()));
  return std::move(*made);
}

}  // namespace strata::serve::pooling
