#include "grammar/token_trie.h"

#include <algorithm>

namespace strata::grammar {

TokenTrie::TokenTrie(std::vector<std::pair<std::string, std::int32_t>> tokens) {
  std::erase_if(tokens, [](const auto& token) { return token.first.empty() || token.first.size() > 0xFFF0; });
  std::ranges::sort(tokens);
  tokens_.reserve(tokens.size());
  std::vector<std::uint32_t> open;  // nodes of the path to the last token
  const std::string* last = nullptr;
  for (const auto& [text, token] : tokens) {
    std::size_t common = 0;
    if (last != nullptr) common = static_cast<std::size_t>(std::ranges::mismatch(*last, text).in2 - text.begin());
    for (std::size_t i = common; i < open.size(); ++i) nodes_[open[i]].end = static_cast<std::uint32_t>(nodes_.size());
    open.resize(common);
    for (std::size_t i = common; i < text.size(); ++i) {
      open.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<std::uint32_t>(tokens_.size()), static_cast<std::uint16_t>(i + 1),
                        static_cast<std::uint8_t>(text[i])});
    }
    tokens_.push_back(token);
    max_depth_ = std::max(max_depth_, static_cast<std::uint16_t>(text.size()));
    last = &text;
  }
  for (const std::uint32_t i : open) nodes_[i].end = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({static_cast<std::uint32_t>(nodes_.size() + 1), static_cast<std::uint32_t>(tokens_.size()), 0, 0});
}

}  // namespace strata::grammar
