#include "knowledge/evaluate/match.h"

#include <algorithm>
#include <map>

#include "base/unicode.h"

namespace strata::knowledge {
namespace {

/// Scripts that put no spaces between words: Thai to Myanmar and Khmer, kana, Han.
bool IsSpaceless(char32_t c) {
  return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) ||
         (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0x20000 && c <= 0x3FFFF);
}

bool IsArticle(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

}  // namespace

std::vector<std::string> MatchWords(std::string_view text) {
  const std::string folded = FoldCase(text);
  std::vector<std::string> words;
  bool goes_on = false;
  for (std::string_view rest = folded; !rest.empty();) {
    const DecodedCodePoint c = DecodeUtf8(rest);
    const std::string_view bytes = rest.substr(0, c.length);
    rest.remove_prefix(c.length);
    if (IsSpaceless(c.code_point)) {
      words.emplace_back(bytes);
      goes_on = false;
    } else if (IsLetter(c.code_point) || IsNumber(c.code_point) || IsMark(c.code_point)) {
      if (!goes_on) words.emplace_back();
      words.back() += bytes;
      goes_on = true;
    } else {
      goes_on = false;
    }
  }
  std::erase_if(words, IsArticle);
  return words;
}

double TokenF1(std::span<const std::string> text, std::span<const std::string> right) {
  std::map<std::string_view, int> left;
  for (const std::string& word : right) ++left[word];
  double common = 0;
  for (const std::string& word : text) {
    if (const auto found = left.find(word); found != left.end() && found->second > 0) {
      --found->second;
      ++common;
    }
  }
  const auto words = static_cast<double>(text.size() + right.size());
  return words > 0 ? 2 * common / words : 1;
}

bool ContainsWords(std::span<const std::string> text, std::span<const std::string> part) {
  return !std::ranges::search(text, part).empty() || part.empty();
}

std::size_t LongestCommonRun(std::span<const std::string> a, std::span<const std::string> b) {
  std::size_t longest = 0;
  std::vector<std::size_t> runs(b.size() + 1);  // that end at each word of b and at the last one of a
  for (const std::string& word : a) {
    for (std::size_t i = b.size(); i > 0; --i) {
      runs[i] = b[i - 1] == word ? runs[i - 1] + 1 : 0;
      longest = std::max(longest, runs[i]);
    }
  }
  return longest;
}

}  // namespace strata::knowledge
