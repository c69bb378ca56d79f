#include "serve/thinking.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::serve {
namespace {

/// What Gemini's OpenAI-compatible API makes of an effort, as its documentation has it.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kTokensOfEffort = {
    {{"none", 0}, {"minimal", 1024}, {"low", 1024}, {"medium", 8192}, {"high", 24576}}};

std::optional<std::int64_t> TokensOf(const LoadedModel& model, const GenerateRequest& request) {
  const Thinking& thinking = request.thinking;
  if (thinking.budget) return thinking.budget;
  if (thinking.wanted == false) return 0;  // where the template does not see to it
  const auto& chat_template = *model.ChatFor(request.chat_input).chat_template;
  const bool told = chat_template.Mentions("reasoning_effort") || chat_template.Mentions("thinking_effort");
  if (told && thinking.effort != "none") return std::nullopt;
  const auto found = std::ranges::find(kTokensOfEffort, thinking.effort, &decltype(kTokensOfEffort)::value_type::first);
  if (found == kTokensOfEffort.end()) return std::nullopt;
  return found->second;
}

/// The tokens of `text` where it goes on from other text: some tokenizers begin every text with a space, which is left
/// out. Empty where that cannot be told apart.
std::vector<TokenId> EncodeBehindText(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> tokens = tokenizer.Encode(text, {.add_special_tokens = false, .parse_special = true});
  const auto spelled = [&] {
    std::string all;
    for (const TokenId token : tokens) all += tokenizer.TokenBytes(token);
    return all;
  };
  if (spelled() == text) return tokens;
  if (!tokens.empty()) tokens.erase(tokens.begin());
  return spelled() == text ? tokens : std::vector<TokenId>();
}

}  // namespace

Status LimitThinking(const LoadedModel& model, const tools::ReasoningState& reasoning, GenerateRequest& request) {
  if (reasoning.format == nullptr) return {};
  const std::optional<std::int64_t> tokens = TokensOf(model, request);
  if (!tokens) return {};
  const tools::ReasoningFormat::Thought& thought = reasoning.format->thought;
  std::vector<TokenId> cut = EncodeBehindText(model.tokenizer(), thought.cut);
  if (cut.empty()) {
    const std::string& param = request.thinking.param;
    return std::unexpected(
        Error(ErrorCode::kUnsupported, fmt::format("{}: this model's tokenizer cannot end a thought", param))
            .WithParam(param));
  }
  request.thinking_limit = ThinkingBudget{.tokens = *tokens,
                                          .open = std::string(thought.begin),
                                          .close = std::string(thought.end),
                                          .begun = reasoning.open,
                                          .cut = std::move(cut)};
  return {};
}

}  // namespace strata::serve
