#include "engine/completion.h"

#include <optional>
#include <span>

#include "grammar/vocabulary.h"

namespace strata {

Result<TokenId> Completion::Review(grammar::Matcher& matcher, TokenId token, std::int64_t left) {
  if (left > review_at_ || matcher.ended()) return token;
  const std::optional<std::size_t> due = matcher.CompletionTokens();
  if (!due) {  // a search that finds nothing takes long, and there is seldom more a token later
    review_at_ = left - 1 - left / 4;
    return token;
  }
  if (static_cast<std::int64_t>(*due) <= left) return token;
  matcher.Rollback(1);
  const std::optional<std::vector<TokenId>> before = matcher.Completion();
  // Else so few tokens were asked for that no text of the grammar has them.
  if (before && std::ssize(*before) <= left + 1) {
    tokens_ = *before;
    // Complete already, and the model would have gone on.
    const std::span<const TokenId> ends = matcher.vocabulary().end_tokens();
    if (tokens_.empty() && !ends.empty()) tokens_.push_back(ends.front());
    begun_ = !tokens_.empty();
  }
  if (begun_) token = Next();
  STRATA_CHECK(matcher.Accept(token));
  return token;
}

}  // namespace strata
