// The grammars that requests use, compiled once and shared by requests that ask for the same.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "grammar/grammar.h"

namespace strata::serve {

/// Thread-safe.
class GrammarCache {
 public:
  /// `tokenizer` must outlive it.
  GrammarCache(const Tokenizer& tokenizer, std::vector<TokenId> end_tokens);

  /// Errors: those of Grammar::Compile.
  Result<std::shared_ptr<grammar::Grammar>> Get(const grammar::Format& format);

 private:
  static constexpr std::size_t kMaxGrammars = 64;

  std::shared_ptr<const grammar::Vocabulary> vocabulary();

  const Tokenizer& tokenizer_;
  const std::vector<TokenId> end_tokens_;
  std::once_flag once_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;  ///< arranged when the first request needs it
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<grammar::Grammar>>> recent_;  ///< the last used first
};

}  // namespace strata::serve
