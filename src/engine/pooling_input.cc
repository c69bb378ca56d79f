#include "engine/pooling_input.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace strata {
namespace {

std::vector<TokenId> EncodeText(const Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.Encode(text, {.add_special_tokens = false, .parse_special = false});
}

std::size_t RoomBeside(std::size_t around, std::int64_t most) {
  return static_cast<std::size_t>(std::max<std::int64_t>(most - static_cast<std::int64_t>(around), 0));
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

PoolingInput PoolingInputOf(const Tokenizer& tokenizer, std::string_view text, std::optional<std::int64_t> most) {
  PoolingInput input{.tokens = EncodeText(tokenizer, text)};
  const std::span<const TokenId> before = tokenizer.prefix(), after = tokenizer.suffix();
  if (most) input.tokens.resize(std::min(input.tokens.size(), RoomBeside(before.size() + after.size(), *most)));
  input.tokens.insert(input.tokens.begin(), before.begin(), before.end());
  input.tokens.insert(input.tokens.end(), after.begin(), after.end());
  return input;
}

Result<PoolingInput> PoolingPairOf(const Tokenizer& tokenizer, const ModelConfig& config, std::string_view first,
                                   std::string_view second, std::optional<std::int64_t> most) {
  const PairTemplate* pair = tokenizer.pair();
  if (pair == nullptr) {
    return Fail(ErrorCode::kUnsupported, "the model's tokenizer does not say how a pair of texts is put together");
  }
  std::vector<TokenId> a = EncodeText(tokenizer, first), b = EncodeText(tokenizer, second);
  if (most) {
    const std::size_t room = RoomBeside(pair->before.size() + pair->between.size() + pair->after.size(), *most);
    // One token at a time off the longer one, as transformers' longest_first.
    while (a.size() + b.size() > room) (a.size() > b.size() ? a : b).pop_back();
  }
  PoolingInput input;
  Append(pair->before, input);
  Append(a, pair->first_type, input);
  Append(pair->between, input);
  Append(b, pair->second_type, input);
  Append(pair->after, input);
  // Tokenizers tell segments apart that the model does not.
  if (config.token_types < 2) input.token_types.clear();
  return input;
}

std::string_view PoolingPromptOf(const PoolingConfig& config, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto found = config.prompts.find(std::string(name)); found != config.prompts.end()) return found->second;
  }
  const auto otherwise = config.prompts.find(config.default_prompt);
  return otherwise == config.prompts.end() ? "" : std::string_view(otherwise->second);
}

}  // namespace strata
