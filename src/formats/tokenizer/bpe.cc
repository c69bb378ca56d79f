#include "formats/tokenizer/bpe.h"

#include <algorithm>
#include <queue>

namespace strata::tokenizer {

Bpe::Bpe(const std::vector<std::string>& symbols, const std::vector<std::pair<std::string, std::string>>& merges) {
  std::unordered_map<std::string_view, TokenId> ids;
  ids.reserve(symbols.size());
  for (std::size_t id = 0; id < symbols.size(); ++id) {
    if (!symbols[id].empty()) ids.emplace(symbols[id], static_cast<TokenId>(id));
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    const auto found = ids.find(std::string_view(&text, 1));
    byte_ids_[byte] = found == ids.end() ? -1 : found->second;
  }
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto left = ids.find(merges[rank].first), right = ids.find(merges[rank].second);
    const auto result = ids.find(merges[rank].first + merges[rank].second);
    if (left == ids.end() || right == ids.end() || result == ids.end()) continue;
    merges_.emplace(Key(left->second, right->second), Merge{static_cast<std::int32_t>(rank), result->second});
  }
}

int Bpe::Encode(std::string_view word, std::vector<TokenId>& ids) const {
  struct Symbol {
    TokenId id;
    std::int32_t previous, next;  // indices, -1 at the ends
  };
  struct Candidate {
    std::int32_t rank, left;
    TokenId left_id, right_id, result;  // the ids tell whether the pair still stands
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  int unknown = 0;
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (const char byte : word) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
    if (id < 0) {
      ++unknown;
      continue;
    }
    const auto index = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  }
  if (symbols.empty()) return unknown;
  symbols.back().next = -1;

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](std::int32_t left) {
    if (left < 0) return;
    const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
    if (symbol.next < 0) return;
    const TokenId right = symbols[static_cast<std::size_t>(symbol.next)].id;
    const auto merge = merges_.find(Key(symbol.id, right));
    if (merge != merges_.end()) queue.push({merge->second.rank, left, symbol.id, right, merge->second.result});
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) consider(static_cast<std::int32_t>(i));
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
    consider(left.previous);
    consider(best.left);
  }
  for (std::int32_t i = 0; i >= 0; i = symbols[static_cast<std::size_t>(i)].next) {
    ids.push_back(symbols[static_cast<std::size_t>(i)].id);
  }
  return unknown;
}

}  // namespace strata::tokenizer
