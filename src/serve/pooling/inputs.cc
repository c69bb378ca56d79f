#include "serve/pooling/inputs.h"

#include <algorithm>
#include <utility>

namespace strata::serve::pooling {
namespace {

std::unexpected<ApiError> Refuse(const std::string& field, std::string code, std::string message) {
  return std::unexpected(
      ApiError{.message = fmt::format("{}: {}", field, message), .param = field, .code = std::move(code)});
}

std::vector<TokenId> EncodeText(const PoolingModel& model, std::string_view text) {
  return model.tokenizer().Encode(text, {.add_special_tokens = false, .parse_special = false});
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

void Append(const std::vector<PairTemplate::Special>& specials, PoolingInput& input) {
  for (const auto& [id, type] : specials) {
    input.tokens.push_back(id);
    input.token_types.push_back(type);
  }
}

void Append(const std::vector<TokenId>& text, std::int32_t type, PoolingInput& input) {
  input.tokens.insert(input.tokens.end(), text.begin(), text.end());
  input.token_types.resize(input.tokens.size(), type);
}

}  // namespace

std::expected<PoolingInput, ApiError> MakeInput(const PoolingModel& model, const PromptInput& input,
                                                std::string_view prompt, const InputLimits& limits,
                                                const std::string& field) {
  const auto most = MostTokens(model, limits);
  if (!most) return std::unexpected(most.error());
  PoolingInput made;
  std::span<const TokenId> before, after;
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input)) {
    made.tokens = *ids;
  } else {
    made.tokens = EncodeText(model, std::string(prompt) + std::get<std::string>(input));
    if (limits.add_special_tokens) {
      before = model.tokenizer().prefix();
      after = model.tokenizer().suffix();
    }
  }
  if (limits.truncate) {
    const auto around = static_cast<std::int64_t>(before.size() + after.size());
    const auto room = static_cast<std::size_t>(std::max<std::int64_t>(*most - around, 0));
    if (made.tokens.size() > room) made.tokens.resize(room);
  }
  made.tokens.insert(made.tokens.begin(), before.begin(), before.end());
  made.tokens.insert(made.tokens.end(), after.begin(), after.end());
  if (auto good = CheckTokens(model, field, made.tokens); !good) return std::unexpected(std::move(good.error()));
  return made;
}

std::expected<PoolingInput, ApiError> MakePair(const PoolingModel& model, std::string_view first,
                                               std::string_view second, const InputLimits& limits,
                                               const std::string& field) {
  const PairTemplate* pair = model.tokenizer().pair();
  if (pair == nullptr)
    return Refuse(field, "", "the model's tokenizer does not say how a pair of texts is put together");
  const auto most = MostTokens(model, limits);
  if (!most) return std::unexpected(most.error());
  std::vector<TokenId> a = EncodeText(model, first), b = EncodeText(model, second);
  if (limits.truncate) {
    const auto around = static_cast<std::int64_t>(pair->before.size() + pair->between.size() + pair->after.size());
    const auto room = static_cast<std::size_t>(std::max<std::int64_t>(*most - around, 0));
    // One token at a time off the longer one, as transformers' longest_first.
    while (a.size() + b.size() > room) (a.size() > b.size() ? a : b).pop_back();
  }
  PoolingInput made;
  Append(pair->before, made);
  Append(a, pair->first_type, made);
  Append(pair->between, made);
  Append(b, pair->second_type, made);
  Append(pair->after, made);
  // Tokenizers tell segments apart that the model does not.
  if (model.served->engine->config().token_types < 2) made.token_types.clear();
  if (auto good = CheckTokens(model, field, made.tokens); !good) return std::unexpected(std::move(good.error()));
  return made;
}

}  // namespace strata::serve::pooling
