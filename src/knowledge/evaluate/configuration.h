// Ways of searching and answering as users write them to compare them.
#pragma once

#include <string_view>

#include "base/result.h"
#include "knowledge/answer/answerer.h"

namespace strata::knowledge {

/// A list of NAME=VALUE parted by commas: of searches legs (both, words, vectors), fusion (convex, rrf), alpha (0 to
/// 1), candidates, ef, diversity (0 to 1), rerank, variants, hyde (yes, no); of answers also limit (hits that are
/// read), source_tokens, neighbours, max_tokens. Empty: the base's own. Errors: kInvalidArgument naming it.
Result<AnswerRequest> ParseConfiguration(std::string_view text);

}  // namespace strata::knowledge
