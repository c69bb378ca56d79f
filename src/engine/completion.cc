#include "engine/completion.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace strata {

Result<TokenId> Completion::Review(grammar::Matcher& matcher, TokenId token, std::int64_t left) {
  if (left > review_at_ || matcher.ended()) return token;
  const std::optional<std::vector<TokenId>> completion = matcher.Completion();
  const std::int64_t spare = completion ? left - std::ssize(*completion) : 0;
  if (!completion || spare >= 0) {
    // A token may open more than it closes, but seldom much: what is far from its end is looked at less often, and
    // least where a search has found none.
    review_at_ = completion ? left - std::max<std::int64_t>(1, spare / 8) : left / 2;
    return token;
  }
  matcher.Rollback(1);
  std::optional<std::vector<TokenId>> before = matcher.Completion();
  if (before && !before->empty() && std::ssize(*before) <= left + 1) {
    tokens_ = std::move(*before);
    begun_ = true;
    token = Next();
  } else {
    review_at_ = -1;  // too late, as where so few tokens were asked for that no text of the grammar has them
  }
  STRATA_CHECK(matcher.Accept(token));
  return token;
}

}  // namespace strata
