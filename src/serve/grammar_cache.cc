#include "serve/grammar_cache.h"

#include <algorithm>

#include "grammar/vocabulary.h"

namespace strata::serve {

GrammarCache::GrammarCache(const Tokenizer& tokenizer, std::vector<TokenId> end_tokens)
    : tokenizer_(tokenizer), end_tokens_(std::move(end_tokens)) {}

std::shared_ptr<const grammar::Vocabulary> GrammarCache::vocabulary() {
  std::call_once(once_, [&] { vocabulary_ = std::make_shared<const grammar::Vocabulary>(tokenizer_, end_tokens_); });
  return vocabulary_;
}

Result<std::shared_ptr<grammar::Grammar>> GrammarCache::Get(const grammar::Format& format) {
  std::string key = grammar::Describe(format);
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(recent_, key, &decltype(recent_)::value_type::first);
    if (found != recent_.end()) {
      if (!found->second->worn()) {
        recent_.splice(recent_.begin(), recent_, found);
        return found->second;
      }
      recent_.erase(found);
    }
  }
  // Not under the lock: another request's grammar may take long. Two that ask for the same at once may both compile it.
  STRATA_TRY(auto compiled, grammar::Grammar::Compile(vocabulary(), format));
  const std::lock_guard lock(mutex_);
  recent_.emplace_front(std::move(key), compiled);
  if (recent_.size() > kMaxGrammars) recent_.pop_back();
  return compiled;
}

}  // namespace strata::serve
