// Token masks from JSON Schemas, regular expressions, context-free grammars and structural tags.
//
//   STRATA_TRY(auto grammar, Grammar::Compile(vocabulary, JsonFormat{schema}));
//   Matcher matcher(grammar);
//   while (!matcher.ended()) {
//     STRATA_CHECK(matcher.FillMask(mask));
//     STRATA_CHECK(matcher.Accept(sample(mask)));
//   }
//
// A grammar is shared by all sequences that use it and grows as they visit it (under a lock of its own).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "grammar/machine.h"
#include "grammar/masker.h"
#include "grammar/structural_tag.h"
#include "grammar/vocabulary.h"

namespace strata::grammar {

class Grammar {
 public:
  /// Errors are those of CompileFormat: what cannot be held exactly is refused here, by name.
  static Result<std::shared_ptr<Grammar>> Compile(std::shared_ptr<const Vocabulary> vocabulary, const Format& format);

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /// Configs made so far: a measure of what it holds in memory (about 1.5 kB each).
  std::size_t size() const;

 private:
  friend class Matcher;
  explicit Grammar(std::shared_ptr<const Vocabulary> vocabulary);

  std::shared_ptr<const Vocabulary> vocabulary_;
  mutable std::mutex mutex_;  ///< of what follows
  RegexStore regexes_;
  Lexer lexer_;
  Network network_;
  std::vector<std::unique_ptr<NodeSource>> sources_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Masker> masker_;
};

/// One sequence's place in a grammar. Not thread-safe.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<Grammar> grammar);

  /// Writes vocabulary().mask_words() words. Errors: kResourceExhausted where the grammar grew out of its bounds.
  Status FillMask(MaskWords mask);
  bool Allows(TokenId token);
  /// Errors: kInvalidArgument where the token is not allowed (nothing changes then); as FillMask.
  Status Accept(TokenId token);
  /// Takes back the last tokens, at most all.
  void Rollback(std::size_t tokens);
  std::size_t accepted() const { return history_.size() - 1; }

  /// The text so far is complete; more may be allowed.
  bool may_end();
  /// An end token was accepted.
  bool ended() const { return ended_; }
  /// What must come next whatever the model thinks, as far as it is certain and at most `limit` bytes. Whole
  /// characters.
  std::string ForcedText(std::size_t limit = 256);

 private:
  ConfigId After(ConfigId config, TokenId token);
  Status CheckBounds() const;

  std::shared_ptr<Grammar> grammar_;
  std::vector<ConfigId> history_;  ///< the start, and after each token
  bool ended_ = false;
};

}  // namespace strata::grammar
