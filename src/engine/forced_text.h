// Text that a grammar leaves no choice about, proposed as the tokenizer would write it. The model may split it into
// other tokens, which no grammar forbids: so it is a proposal like any other, and no token has to be healed.
#pragma once

#include <cstdint>
#include <span>

#include "engine/drafter.h"
#include "formats/tokenizer.h"
#include "grammar/grammar.h"

namespace strata {

/// Of one sequence. Like Drafter it compares every proposal with what came, verified or not: a model far from what it
/// was trained on spells names letter by letter, and then proposals do not pay.
class ForcedText {
 public:
  /// What must follow `tokens`, the whole sequence that the matcher has accepted the output of, which only ever grows:
  /// at most `most` tokens. Valid until the next call.
  const Draft& Propose(grammar::Matcher& matcher, const Tokenizer& tokenizer, std::span<const TokenId> tokens,
                       std::int64_t most);

 private:
  void Observe(std::span<const TokenId> tokens);

  Draft draft_;
  std::size_t place_ = 0;     ///< in the sequence, where it begins
  bool reaches_end_ = false;  ///< its last token is the last of the forced text
  DraftRate within_{3.8F, 4};
  /// The last token of a forced text: a longer one may take what follows along (`"` and `":`).
  DraftRate last_{2.4F, 4};
};

}  // namespace strata
