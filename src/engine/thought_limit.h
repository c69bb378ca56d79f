// A bound on what a model thinks before it answers: after so many tokens of thought, its end is written for the model,
// which goes on from there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/engine.h"
#include "formats/tokenizer.h"
#include "grammar/grammar.h"

namespace strata {

/// Of one sequence: reads its output token by token, whatever was drafted or preempted.
class ThoughtLimit {
 public:
  /// `tokenizer` must outlive it.
  ThoughtLimit(ThinkingBudget budget, const Tokenizer& tokenizer);

  /// What has to come next, whatever the model would say; empty: the model's own choice. Where `matcher` (null = any
  /// text may come) has no place for the end of a thought, there is none after all: a text that its grammar made says
  /// "<think>", for instance.
  std::span<const TokenId> Due(grammar::Matcher* matcher);

  /// The next token of the output.
  void Push(TokenId token);

 private:
  static constexpr std::size_t kNothingDue = SIZE_MAX;

  void Read(char byte);

  const ThinkingBudget budget_;
  const Tokenizer& tokenizer_;
  bool inside_;
  std::int64_t spent_ = 0;         ///< tokens of thoughts
  std::size_t due_ = kNothingDue;  ///< the place in budget_.cut
  std::string held_;               ///< what may be the beginning of the marker that is looked for
  std::string character_;          ///< bytes of the last character
};

}  // namespace strata
