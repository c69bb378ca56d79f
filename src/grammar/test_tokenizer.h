// A tokenizer of a few given tokens, for tests of masks.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "formats/tokenizer.h"

namespace strata::grammar {

/// Each token is its text; those in `special` are special tokens. Encodes by the longest match.
class TestTokenizer : public Tokenizer {
 public:
  explicit TestTokenizer(std::vector<std::string> texts, std::vector<TokenId> special = {})
      : texts_(std::move(texts)), special_(std::move(special)) {}

  std::vector<TokenId> Encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      TokenId best = -1;
      for (TokenId id = 0; id < vocab_size(); ++id) {
        const bool longer = best < 0 || texts_[id].size() > texts_[best].size();
        if (!texts_[id].empty() && text.starts_with(texts_[id]) && !IsSpecial(id) && longer) best = id;
      }
      if (best < 0) return ids;
      ids.push_back(best);
      text.remove_prefix(texts_[best].size());
    }
    return ids;
  }
  std::string_view TokenBytes(TokenId id) const override { return texts_[id]; }
  std::string_view TokenText(TokenId id) const override { return texts_[id]; }
  std::optional<TokenId> FindToken(std::string_view text) const override {
    const auto found = std::ranges::find(texts_, text);
    if (found == texts_.end()) return std::nullopt;
    return static_cast<TokenId>(found - texts_.begin());
  }
  std::int32_t vocab_size() const override { return static_cast<std::int32_t>(texts_.size()); }
  bool IsSpecial(TokenId id) const override { return std::ranges::find(special_, id) != special_.end(); }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return std::nullopt; }
  bool adds_bos() const override { return false; }
  std::string Decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (const TokenId id : ids) text += texts_[id];
    return text;
  }
  std::unique_ptr<Decoding> StartDecoding(bool) const override { return nullptr; }

 private:
  std::vector<std::string> texts_;
  std::vector<TokenId> special_;
};

}  // namespace strata::grammar
