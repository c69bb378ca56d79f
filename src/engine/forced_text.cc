#include "engine/forced_text.h"

#include <string>
#include <vector>

namespace strata {
namespace {

/// The longest token of the vocabularies in use is 128 bytes; a name or a separator is far shorter.
constexpr std::size_t kForcedBytes = 256;

}  // namespace

void ForcedText::Observe(std::span<const TokenId> tokens) {
  bool hit = true;
  for (std::size_t i = 0; hit && i < draft_.tokens.size() && place_ + i < tokens.size(); ++i) {
    hit = draft_.tokens[i] == tokens[place_ + i];
    const bool is_last = reaches_end_ && i + 1 == draft_.tokens.size();
    (is_last ? last_ : within_).Count(hit);
  }
  draft_.tokens.clear();
  draft_.chances.clear();
}

const Draft& ForcedText::Propose(grammar::Matcher& matcher, const Tokenizer& tokenizer, std::span<const TokenId> tokens,
                                 std::int64_t most) {
  Observe(tokens);
  place_ = tokens.size();
  const std::string text = matcher.ForcedText(kForcedBytes);
  if (text.empty()) return draft_;
  const std::vector<TokenId> encoded = tokenizer.Encode(text, {.add_special_tokens = false, .parse_special = false});
  std::string spelled;
  float chance = 1;
  for (std::size_t i = 0; i < encoded.size() && static_cast<std::int64_t>(i) < most; ++i) {
    spelled += tokenizer.TokenBytes(encoded[i]);
    if (!text.starts_with(spelled)) break;  // a tokenizer that puts a space first
    draft_.tokens.push_back(encoded[i]);
    draft_.chances.push_back(chance *= (i + 1 == encoded.size() ? last_ : within_).value());
  }
  reaches_end_ = draft_.tokens.size() == encoded.size();
  return draft_;
}

}  // namespace strata
