// A model turns a word into ids.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "formats/tokenizer.h"
#include "formats/tokenizer/word_cache.h"

namespace strata::tokenizer {

class Model {
 public:
  virtual ~Model() = default;

  /// Appends the ids of `word`, which is valid UTF-8 and not empty.
  void Encode(std::string_view word, std::vector<TokenId>& ids) const {
    if (word.size() > WordCache::kMaxBytes) return EncodeWord(word, ids);
    cache_.Append(word, ids, [this](std::string_view missed, std::vector<TokenId>& out) { EncodeWord(missed, out); });
  }

 protected:
  virtual void EncodeWord(std::string_view word, std::vector<TokenId>& ids) const = 0;

 private:
  mutable WordCache cache_;
};

using ModelPtr = std::unique_ptr<Model>;

}  // namespace strata::tokenizer
