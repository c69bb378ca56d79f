#include "formats/tokenizer/bpe.h"

#include <algorithm>
#include <array>
#include <queue>

#include "formats/tokenizer/byte_level.h"
#include "formats/tokenizer/byte_tokens.h"
#include "formats/tokenizer/char_class.h"

namespace strata::tokenizer {
namespace {

/// Words of up to this many symbols merge by looking at all pairs; longer ones by a queue, in O(n log n).
constexpr std::size_t kShort = 48;

std::uint64_t PairKey(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

class Bpe final : public Model {
 public:
  Bpe(const Vocabulary& vocabulary, const std::vector<bool>& reachable, const std::vector<BpeMerge>& merges,
      BpeOptions options)
      : vocabulary_(vocabulary),
        options_(std::move(options)),
        merges_(merges.size()),
        byte_tokens_(FindByteTokens(vocabulary)),
        affixes_(!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()),
        cuts_(!options_.byte_level && !options_.ignore_merges && !affixes_) {
    for (const BpeMerge& merge : merges) {
      if (!reachable[static_cast<std::size_t>(merge.result)]) continue;
      merges_.Set(PairKey(merge.left, merge.right), {merge.rank, merge.result}, true);
    }
    FillSymbols(reachable);
    if (options_.ignore_merges) FillWords(reachable);
    if (cuts_) FillJoints(merges);
  }

 private:
  struct Merge {
    std::int32_t rank = 0;
    TokenId result = -1;
  };

  void FillSymbols(const std::vector<bool>& reachable) {
    byte_symbols_.fill(-1);
    for (int byte = 0; byte < 256 && options_.byte_level; ++byte) {
      const char text = static_cast<char>(byte);
      const auto id = vocabulary_.Find(ByteLevelFromBytes(std::string_view(&text, 1)));
      if (id && reachable[static_cast<std::size_t>(*id)]) byte_symbols_[static_cast<std::size_t>(byte)] = *id;
    }
    for (TokenId id = 0; id < vocabulary_.size() && !options_.byte_level; ++id) {
      const std::string_view text = vocabulary_.text(id);
      if (text.empty() || !reachable[static_cast<std::size_t>(id)]) continue;
      const Character character = CharacterAt(text, 0);
      if (character.length == text.size()) character_symbols_.Set(character.code_point, id, true);
    }
  }

  void FillWords(const std::vector<bool>& reachable) {
    words_.resize(static_cast<std::size_t>(vocabulary_.size()));
    for (TokenId id = 0; id < vocabulary_.size(); ++id) {
      if (!reachable[static_cast<std::size_t>(id)]) continue;
      const std::string_view text = vocabulary_.text(id);
      words_[static_cast<std::size_t>(id)] =
          options_.byte_level ? BytesFromByteLevel(text).value_or("") : std::string(text);
    }
    word_index_ = std::make_unique<StringIndex>(words_);
  }

  /// Between two symbols that no merge joins nothing ever merges: the first merge across the place would be of a left
  /// part that ends with the one and a right part that begins with the other. So a long text without words (all of a
  /// SentencePiece model's input is one) is cut there, and its parts are remembered as words are.
  void FillJoints(const std::vector<BpeMerge>& merges) {
    const auto add = [&](TokenId left, TokenId right) { joints_.Set(PairKey(left, right), {}); };
    for (const BpeMerge& merge : merges) {
      const std::string_view left = vocabulary_.text(merge.left), right = vocabulary_.text(merge.right);
      const std::size_t last = PreviousCharacter(left, left.size());
      const TokenId* left_symbol = character_symbols_.Find(CharacterAt(left, last).code_point);
      const TokenId* right_symbol = character_symbols_.Find(CharacterAt(right, 0).code_point);
      // A byte's entry is a symbol by itself, and no character's.
      for (const TokenId a : {left_symbol == nullptr ? merge.left : *left_symbol, merge.left}) {
        for (const TokenId b : {right_symbol == nullptr ? merge.right : *right_symbol, merge.right}) add(a, b);
      }
    }
  }

  void EncodeWord(std::string_view word, std::vector<TokenId>& ids) const override {
    if (word_index_ != nullptr) {
      if (const auto id = word_index_->Find(word)) {
        ids.push_back(*id);
        return;
      }
    }
    thread_local std::vector<TokenId> symbols;
    symbols.clear();
    if (options_.byte_level) {
      for (const char byte : word) AddSymbol(byte_symbols_[static_cast<unsigned char>(byte)], symbols);
      return MergeAll(symbols, ids);
    }
    if (!cuts_ || word.size() <= WordCache::kMaxBytes) {
      ForEachSymbol(word, [&](TokenId id, std::size_t) { symbols.push_back(id); });
      return MergeAll(symbols, ids);
    }
    std::size_t begin = 0;  // of the part in `word`
    const auto flush = [&](std::size_t end) {
      if (end - begin <= WordCache::kMaxBytes && end > begin) {
        parts_.Append(word.substr(begin, end - begin), ids,
                      [&](std::string_view, std::vector<TokenId>& out) { MergeAll(symbols, out); });
      } else {
        MergeAll(symbols, ids);
      }
      symbols.clear();
      begin = end;
    };
    std::size_t last = 0;  // where the last symbol begins; the bytes of one character are not cut apart
    ForEachSymbol(word, [&](TokenId id, std::size_t at) {
      if (at > last && !symbols.empty() && joints_.Find(PairKey(symbols.back(), id)) == nullptr) flush(at);
      symbols.push_back(id);
      last = at;
    });
    flush(word.size());
  }

  void AddSymbol(TokenId id, std::vector<TokenId>& symbols) const {
    if (id >= 0) {
      symbols.push_back(id);
    } else if (options_.unknown &&
               !(options_.fuse_unknown && !symbols.empty() && symbols.back() == *options_.unknown)) {
      symbols.push_back(*options_.unknown);
    }
  }

  /// Calls symbol(id, where its text begins) for what the word consists of before any merge.
  template <class Function>
  void ForEachSymbol(std::string_view word, Function symbol) const {
    bool in_unknown = false;
    for (std::size_t at = 0; at < word.size();) {
      const Character character = CharacterAt(word, at);
      const std::string_view text = word.substr(at, character.length);
      const std::size_t next = at + character.length;
      const TokenId id = SymbolOf(text, character.code_point, at == 0, next == word.size());
      if (id >= 0) {
        symbol(id, at);
        in_unknown = false;
      } else if (!options_.byte_fallback || !Bytes(text, at, symbol)) {
        if (options_.unknown && !(in_unknown && options_.fuse_unknown)) symbol(*options_.unknown, at);
        in_unknown = true;
      } else {
        in_unknown = false;
      }
      at = next;
    }
  }

  TokenId SymbolOf(std::string_view text, char32_t code_point, bool first, bool last) const {
    if (affixes_) {
      std::string affixed(text);
      if (!first) affixed.insert(0, options_.continuing_subword_prefix);
      if (last) affixed += options_.end_of_word_suffix;
      return vocabulary_.Find(affixed).value_or(-1);
    }
    const TokenId* id = character_symbols_.Find(code_point);
    return id == nullptr ? -1 : *id;
  }

  template <class Function>
  bool Bytes(std::string_view text, std::size_t at, Function symbol) const {
    for (const char byte : text) {
      if (byte_tokens_[static_cast<unsigned char>(byte)] < 0) return false;
    }
    for (const char byte : text) symbol(byte_tokens_[static_cast<unsigned char>(byte)], at);
    return true;
  }

  void MergeAll(std::vector<TokenId>& symbols, std::vector<TokenId>& ids) const {
    if (symbols.size() > kShort) return MergeLong(symbols, ids);
    std::size_t count = symbols.size();
    std::array<Merge, kShort> pairs;  // of each symbol with the next one
    constexpr Merge kNone{INT32_MAX, -1};
    const auto pair = [&](std::size_t i) {
      if (i + 1 >= count) return kNone;
      const Merge* merge = merges_.Find(PairKey(symbols[i], symbols[i + 1]));
      return merge == nullptr ? kNone : *merge;
    };
    for (std::size_t i = 0; i < count; ++i) pairs[i] = pair(i);
    while (count > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < count; ++i) {
        if (pairs[i].rank < pairs[best].rank) best = i;
      }
      if (pairs[best].result < 0) break;
      symbols[best] = pairs[best].result;
      const auto offset = static_cast<std::ptrdiff_t>(best) + 1;
      std::copy(symbols.begin() + offset + 1, symbols.begin() + static_cast<std::ptrdiff_t>(count),
                symbols.begin() + offset);
      std::copy(pairs.begin() + offset + 1, pairs.begin() + static_cast<std::ptrdiff_t>(count), pairs.begin() + offset);
      --count;
      pairs[best] = pair(best);
      if (best > 0) pairs[best - 1] = pair(best - 1);
    }
    ids.insert(ids.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(count));
  }

  void MergeLong(const std::vector<TokenId>& word, std::vector<TokenId>& ids) const {
    struct Symbol {
      TokenId id;
      std::int32_t previous, next;  // indices, -1 at the ends
    };
    struct Candidate {
      std::int32_t rank, left;
      TokenId left_id, right_id, result;  // the ids tell whether the pair still stands
      bool operator>(const Candidate& other) const {
        return rank != other.rank ? rank > other.rank : left > other.left;
      }
    };
    std::vector<Symbol> symbols(word.size());
    for (std::size_t i = 0; i < word.size(); ++i) {
      const auto index = static_cast<std::int32_t>(i);
      symbols[i] = {word[i], index - 1, i + 1 == word.size() ? -1 : index + 1};
    }
    std::vector<Candidate> heap;
    heap.reserve(word.size());
    const auto candidate = [&](std::int32_t left, auto&& add) {
      if (left < 0) return;
      const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
      if (symbol.next < 0) return;
      const TokenId right = symbols[static_cast<std::size_t>(symbol.next)].id;
      const Merge* merge = merges_.Find(PairKey(symbol.id, right));
      if (merge != nullptr) add(Candidate{merge->rank, left, symbol.id, right, merge->result});
    };
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(word.size()); ++i) {
      candidate(i, [&](const Candidate& c) { heap.push_back(c); });
    }
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue({}, std::move(heap));
    const auto push = [&](const Candidate& c) { queue.push(c); };
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[static_cast<std::size_t>(best.left)];
      if (left.id != best.left_id || left.next < 0) continue;
      Symbol& right = symbols[static_cast<std::size_t>(left.next)];
      if (right.id != best.right_id) continue;
      left.id = best.result;
      right.id = -1;
      left.next = right.next;
      if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = best.left;
      candidate(left.previous, push);
      candidate(best.left, push);
    }
    for (std::int32_t i = 0; i >= 0; i = symbols[static_cast<std::size_t>(i)].next) {
      ids.push_back(symbols[static_cast<std::size_t>(i)].id);
    }
  }

  struct Nothing {};

  const Vocabulary& vocabulary_;
  BpeOptions options_;
  FlatMap<Merge> merges_;
  FlatMap<TokenId> character_symbols_;
  std::array<TokenId, 256> byte_symbols_;
  std::array<TokenId, 256> byte_tokens_;
  bool affixes_;
  bool cuts_;
  FlatMap<Nothing> joints_;
  std::vector<std::string> words_;
  std::unique_ptr<StringIndex> word_index_;
  mutable WordCache parts_;  ///< of words that are cut
};

}  // namespace

ModelPtr MakeBpe(const Vocabulary& vocabulary, const std::vector<bool>& reachable, const std::vector<BpeMerge>& merges,
                 BpeOptions options) {
  return std::make_unique<Bpe>(vocabulary, reachable, merges, std::move(options));
}

}  // namespace strata::tokenizer
