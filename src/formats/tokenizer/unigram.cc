#include "formats/tokenizer/unigram.h"

#include <algorithm>
#include <array>
#include <utility>

#include "formats/tokenizer/byte_tokens.h"
#include "formats/tokenizer/byte_trie.h"
#include "formats/tokenizer/char_class.h"

namespace strata::tokenizer {
namespace {

/// SentencePiece's kUnkPenalty.
constexpr double kUnknownPenalty = 10.0;
constexpr TokenId kNoEntry = -1;

class Unigram final : public Model {
 public:
  Unigram(const Vocabulary& vocabulary, const std::vector<bool>& reachable, std::vector<double> scores,
          const UnigramOptions& options)
      : options_(options), scores_(std::move(scores)), byte_tokens_(FindByteTokens(vocabulary)) {
    for (TokenId id = 0; id < vocabulary.size(); ++id) {
      if (reachable[static_cast<std::size_t>(id)]) trie_.Insert(vocabulary.text(id), id);
    }
    unknown_score_ = (scores_.empty() ? 0 : *std::ranges::min_element(scores_)) - kUnknownPenalty;
  }

 private:
  struct Node {  ///< the best path that ends here
    double score = 0;
    std::size_t begin = std::string_view::npos;  ///< of its last entry
    TokenId id = kNoEntry;
  };

  void EncodeWord(std::string_view word, std::vector<TokenId>& ids) const override {
    thread_local std::vector<Node> nodes;
    nodes.assign(word.size() + 1, {});
    const auto reach = [&](std::size_t begin, std::size_t end, double score, TokenId id) {
      if (nodes[end].begin == std::string_view::npos || score > nodes[end].score) nodes[end] = {score, begin, id};
    };
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t character = CharacterAt(word, at).length;
      const double score = nodes[at].score;
      bool single = false;
      trie_.ForEachPrefix(word, at, [&](std::size_t length, TokenId id) {
        reach(at, at + length, score + scores_[static_cast<std::size_t>(id)], id);
        single |= length == character;
      });
      if (!single) reach(at, at + character, score + unknown_score_, kNoEntry);
      at += character;
    }
    const std::size_t before = ids.size();
    for (std::size_t end = word.size(); end > 0;) {
      std::size_t begin = nodes[end].begin;
      if (nodes[end].id != kNoEntry) {
        ids.push_back(nodes[end].id);
      } else {
        while (begin > 0 && nodes[begin].id == kNoEntry) begin = nodes[begin].begin;
        AppendUnknownReversed(word.substr(begin, end - begin), ids);
      }
      end = begin;
    }
    std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
  }

  void AppendUnknownReversed(std::string_view text, std::vector<TokenId>& ids) const {
    const auto token = [&](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
    if (options_.byte_fallback && std::ranges::all_of(text, [&](char byte) { return token(byte) >= 0; })) {
      for (auto byte = text.rbegin(); byte != text.rend(); ++byte) ids.push_back(token(*byte));
    } else if (options_.unknown) {
      ids.push_back(*options_.unknown);
    }
  }

  UnigramOptions options_;
  std::vector<double> scores_;
  std::array<TokenId, 256> byte_tokens_;
  ByteTrie trie_;
  double unknown_score_ = 0;
};

}  // namespace

ModelPtr MakeUnigram(const Vocabulary& vocabulary, const std::vector<bool>& reachable, std::vector<double> scores,
                     const UnigramOptions& options) {
  return std::make_unique<Unigram>(vocabulary, reachable, std::move(scores), options);
}

}  // namespace strata::tokenizer
