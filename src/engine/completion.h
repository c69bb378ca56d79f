// Brings a constrained answer to its end before its tokens run out: as long as it can still be completed within what is
// left, the model writes; the first token of its own after which it could not is replaced by a completion.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer.h"
#include "grammar/grammar.h"

namespace strata {

/// Of one answer. What it does depends on the answer's tokens alone, not on the steps that made them.
class Completion {
 public:
  /// The model's next token, which the matcher has accepted; `left` more may follow it. Returns the token in whose
  /// place it is to be, which the matcher has accepted then: mostly itself. Errors: the matcher's.
  Result<TokenId> Review(grammar::Matcher& matcher, TokenId token, std::int64_t left);

  /// From then on the tokens are Next's, until it is done and the answer's text is complete.
  bool begun() const { return begun_; }
  bool done() const { return begun_ && next_ == tokens_.size(); }
  TokenId Next() { return tokens_[next_++]; }
  std::span<const TokenId> rest() const { return std::span(tokens_).subspan(next_); }

 private:
  std::vector<TokenId> tokens_;
  std::size_t next_ = 0;
  bool begun_ = false;
  std::int64_t review_at_ = kWindow;  ///< tokens left

  /// An answer with more tokens left is not looked at: no token makes what is still due so much longer.
  static constexpr std::int64_t kWindow = 512;
};

}  // namespace strata
