// Token masks from JSON Schemas, regular expressions, context-free grammars and structural tags.
//
//   STRATA_TRY(auto grammar, Grammar::Compile(vocabulary, JsonFormat{schema}));
//   Matcher matcher(grammar);
//   while (!matcher.ended()) {
//     STRATA_CHECK(matcher.FillMask(mask));
//     STRATA_CHECK(matcher.Accept(sample(mask)));
//   }
//
// A grammar is shared by all sequences that use it and grows as they visit it (under a lock of its own). One that has
// grown out of its bounds has a successor, in which its sequences go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer.h"
#include "grammar/format.h"

namespace strata::grammar {

class Vocabulary;

class Grammar {
 public:
  ~Grammar();
  /// Errors are those of CompileFormat: what cannot be held exactly is refused here, by name.
  static Result<std::shared_ptr<Grammar>> Compile(std::shared_ptr<const Vocabulary> vocabulary, const Format& format);

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /// It has visited so much of itself that a new one should be compiled for whoever comes next.
  bool worn() const;
  /// How much of itself it has visited: states of the automaton over bytes.
  std::size_t states() const;

 private:
  friend class Matcher;
  struct State;
  Grammar(std::shared_ptr<const Vocabulary> vocabulary, Format format);
  bool exhausted() const;
  /// The same grammar compiled anew, one for all who ask until it is exhausted, too.
  Result<std::shared_ptr<Grammar>> Successor();

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::unique_ptr<State> state_;
};

/// One sequence's place in a grammar. Not thread-safe.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<Grammar> grammar);

  const Vocabulary& vocabulary() const { return grammar_->vocabulary(); }
  /// Writes vocabulary().mask_words() words. Errors: kResourceExhausted where the grammar grows out of its bounds again
  /// and again.
  Status FillMask(std::span<std::uint32_t> mask);
  bool Allows(TokenId token);
  /// Errors: kInvalidArgument where the token is not allowed (nothing changes then); as FillMask.
  Status Accept(TokenId token);
  /// Takes back the last tokens, at most all.
  void Rollback(std::size_t tokens);
  std::size_t accepted() const { return tokens_.size(); }

  /// The text so far is complete; more may be allowed.
  bool may_end() const;
  /// An end token was accepted, or the text is complete and nothing may follow.
  bool ended() const;
  /// What must come next whatever the model thinks, as far as it is certain and at most `limit` bytes. Whole
  /// characters.
  std::string ForcedText(std::size_t limit = 256);
  /// Tokens after which the text is complete, if not always the fewest; none where it may end already. nullopt where
  /// none are found within bounds.
  std::optional<std::vector<TokenId>> Completion();
  /// How many tokens Completion has; remembered for every text that stands alike.
  std::optional<std::size_t> CompletionTokens();

 private:
  std::uint32_t After(std::uint32_t config, TokenId token);
  /// Goes on in the grammar's successor. Errors: kResourceExhausted where that was done a few tokens ago.
  Status Renew();
  /// Takes the tokens from the start. False where the grammar grows out of its bounds.
  bool Replay();

  std::shared_ptr<Grammar> grammar_;
  std::vector<TokenId> tokens_;
  std::vector<std::uint32_t> history_;  ///< configs of the machine: the start's, and the one after each token
  bool ended_ = false;
  std::optional<std::size_t> renewed_at_;  ///< tokens then
};

}  // namespace strata::grammar
