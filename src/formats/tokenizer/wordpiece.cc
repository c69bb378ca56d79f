#include "formats/tokenizer/wordpiece.h"

#include "base/unicode.h"
#include "formats/tokenizer/byte_trie.h"

namespace strata::tokenizer {
namespace {

class WordPiece final : public Model {
 public:
  WordPiece(const WordPieceEntries& entries, std::optional<TokenId> unknown, std::size_t max_characters)
      : unknown_(unknown), max_characters_(max_characters) {
    for (const auto& [text, id] : entries.initial) initial_.Insert(text, id);
    for (const auto& [text, id] : entries.continuing) continuing_.Insert(text, id);
  }

 private:
  void EncodeWord(std::string_view word, std::vector<TokenId>& ids) const override {
    const std::size_t before = ids.size();
    bool covered = word.size() <= max_characters_ || CountCodePoints(word) <= max_characters_;
    for (std::size_t at = 0; covered && at < word.size();) {
      std::size_t longest = 0;
      TokenId id = -1;
      (at == 0 ? initial_ : continuing_).ForEachPrefix(word, at, [&](std::size_t length, TokenId found) {
        longest = length;
        id = found;
      });
      covered = longest > 0;
      if (covered) ids.push_back(id);
      at += longest;
    }
    if (covered) return;
    ids.resize(before);
    if (unknown_) ids.push_back(*unknown_);
  }

  std::optional<TokenId> unknown_;
  std::size_t max_characters_;
  ByteTrie initial_, continuing_;
};

class WordLevel final : public Model {
 public:
  WordLevel(const Vocabulary& vocabulary, const std::vector<bool>& reachable, std::optional<TokenId> unknown)
      : vocabulary_(vocabulary), reachable_(reachable), unknown_(unknown) {}

 private:
  void EncodeWord(std::string_view word, std::vector<TokenId>& ids) const override {
    const auto id = vocabulary_.Find(word);
    if (id && reachable_[static_cast<std::size_t>(*id)]) {
      ids.push_back(*id);
    } else if (unknown_) {
      ids.push_back(*unknown_);
    }
  }

  const Vocabulary& vocabulary_;
  std::vector<bool> reachable_;
  std::optional<TokenId> unknown_;
};

}  // namespace

WordPieceEntries EntriesByPrefix(const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                                 std::string_view prefix) {
  WordPieceEntries entries;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (!reachable[static_cast<std::size_t>(id)]) continue;
    const std::string_view text = vocabulary.text(id);
    entries.initial.emplace_back(text, id);
    if (text.starts_with(prefix)) entries.continuing.emplace_back(text.substr(prefix.size()), id);
  }
  return entries;
}

ModelPtr MakeWordPiece(const WordPieceEntries& entries, std::optional<TokenId> unknown, std::size_t max_characters) {
  return std::make_unique<WordPiece>(entries, unknown, max_characters);
}

ModelPtr MakeWordLevel(const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                       std::optional<TokenId> unknown) {
  return std::make_unique<WordLevel>(vocabulary, reachable, unknown);
}

}  // namespace strata::tokenizer
