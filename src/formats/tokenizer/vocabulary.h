// The entries of a vocabulary by id, and the way back from text to id.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tokenizer.h"

namespace strata::tokenizer {

/// Finds strings in a list that it does not own and that must not change afterwards.
class StringIndex {
 public:
  /// Of equal strings the last one is found; empty strings are not.
  explicit StringIndex(const std::vector<std::string>& strings);
  std::optional<TokenId> Find(std::string_view text) const;

 private:
  const std::vector<std::string>* strings_;
  std::vector<TokenId> slots_;  ///< -1 where free
  std::size_t mask_ = 0;
};

class Vocabulary {
 public:
  explicit Vocabulary(std::vector<std::string> texts) : texts_(std::move(texts)), index_(texts_) {}
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  TokenId size() const { return static_cast<TokenId>(texts_.size()); }
  bool Contains(TokenId id) const { return id >= 0 && id < size(); }
  /// "" for an unknown id, and for an id that has no entry.
  std::string_view text(TokenId id) const {
    return Contains(id) ? std::string_view(texts_[static_cast<std::size_t>(id)]) : std::string_view();
  }
  std::optional<TokenId> Find(std::string_view text) const { return index_.Find(text); }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
  StringIndex index_;
};

}  // namespace strata::tokenizer
