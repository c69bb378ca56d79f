#include "serve/word_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "base/unicode.h"

namespace strata::serve {
namespace {

// Of the survey, section 3.2: 1.2 < k1 < 2 and 0.5 < b < 0.8 are good for most texts. On BFCL's tools the recall among
// the first 8 is the same for any of these.
constexpr double kSaturation = 1.2;
constexpr double kLengthWeight = 0.75;

/// Words of questions and sentences that no tool is about. In a small list of tools they are rare, and would count.
constexpr std::array<std::string_view, 60> kFunctionWords = {
    "a",    "about", "an",   "and",    "any",    "are", "as",   "at",   "be",    "by",   "can",   "could",
    "do",   "doe",   "for",  "from",   "give",   "ha",  "have", "how",  "i",     "if",   "in",    "into",
    "is",   "it",    "its",  "let",    "like",   "me",  "more", "my",   "need",  "of",   "on",    "or",
    "our",  "out",   "plea", "please", "should", "so",  "some", "tell", "than",  "that", "the",   "their",
    "them", "there", "this", "to",     "want",   "wa",  "we",   "what", "which", "with", "would", "you"};

bool IsUnspaced(char32_t c) {
  // Kana and Han with its extensions, Hangul left out: Korean puts spaces. Thai, Lao, Khmer and Burmese have none.
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF) ||
         (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF);
}

/// Harman's S stemmer (1991, "How effective is suffixing?"): plurals only, so that nothing else is taken for the same.
void DropPlural(std::string& word) {
  if (word.size() < 3 || !word.ends_with('s')) return;
  if (word.ends_with("ies") && !word.ends_with("eies") && !word.ends_with("aies")) {
    word.replace(word.size() - 3, 3, "y");
  } else if (word.ends_with("es") && !word.ends_with("aes") && !word.ends_with("ees") && !word.ends_with("oes")) {
    word.pop_back();
  } else if (!word.ends_with("us") && !word.ends_with("ss")) {
    word.pop_back();
  }
}

class Splitter {
 public:
  std::vector<std::string> Run(std::string_view text) {
    const std::u32string letters = ToCodePoints(text);
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const char32_t c = letters[i];
      const Kind kind = KindOf(c);
      // Of "IDName" the N begins a word; of "IDs" no letter does.
      const bool word_follows =
          i + 2 < letters.size() && KindOf(letters[i + 1]) == Kind::kLower && KindOf(letters[i + 2]) == Kind::kLower;
      // Between "get" and "User", before the last capital of "IDName", between letters and digits.
      const bool begins = kind != last_ && !(last_ == Kind::kUpper && kind == Kind::kLower);
      if (begins || (kind == Kind::kUpper && last_ == Kind::kUpper && word_follows)) End();
      if (kind == Kind::kUnspaced) {
        std::string pair;
        if (previous_) AppendUtf8(pair, *previous_);
        AppendUtf8(pair, c);
        words_.push_back(std::move(pair));
        previous_ = c;
      } else if (kind != Kind::kOther) {
        AppendUtf8(word_, ToLower(c));
      }
      last_ = kind;
    }
    End();
    return std::move(words_);
  }

 private:
  enum class Kind : std::uint8_t { kOther, kLower, kUpper, kDigit, kUnspaced };
  static Kind KindOf(char32_t c) {
    if (IsUnspaced(c)) return Kind::kUnspaced;
    if (IsDecimalDigit(c)) return Kind::kDigit;
    if (!IsLetter(c)) return Kind::kOther;
    return ToLower(c) != c ? Kind::kUpper : Kind::kLower;
  }

  void End() {
    previous_.reset();
    if (word_.empty()) return;
    DropPlural(word_);
    words_.push_back(std::exchange(word_, {}));
  }

  std::vector<std::string> words_;
  std::string word_;
  Kind last_ = Kind::kOther;
  std::optional<char32_t> previous_;  ///< of a run without spaces
};

}  // namespace

std::vector<std::string> SplitWords(std::string_view text) { return Splitter().Run(text); }

void WordIndex::Add(std::span<const Part> parts) {
  const auto number = static_cast<std::uint32_t>(lengths_.size());
  std::unordered_map<std::string, double> counts;
  double length = 0;
  for (const Part& part : parts) {
    for (std::string& word : SplitWords(part.text)) {
      counts[std::move(word)] += part.weight;
      length += part.weight;
    }
  }
  for (const auto& [word, count] : counts) postings_[word].push_back({number, count});
  lengths_.push_back(length);
}

void WordIndex::Finish() {
  const double sum = std::accumulate(lengths_.begin(), lengths_.end(), 0.0);
  mean_length_ = lengths_.empty() ? 0 : sum / static_cast<double>(lengths_.size());
}

std::vector<double> WordIndex::Score(std::span<const Part> question) const {
  // Ordered, so that sums are the same whatever the hash: equal requests choose equal tools.
  std::map<std::string, double> words;
  for (const Part& part : question) {
    for (std::string& word : SplitWords(part.text)) {
      if (std::ranges::find(kFunctionWords, word) != kFunctionWords.end()) continue;
      double& weight = words[std::move(word)];
      weight = std::max(weight, part.weight);
    }
  }
  std::vector<double> scores(lengths_.size());
  const auto texts = static_cast<double>(lengths_.size());
  for (const auto& [word, weight] : words) {
    const auto found = postings_.find(word);
    if (found == postings_.end()) continue;
    const auto having = static_cast<double>(found->second.size());
    const double rarity = std::log(1 + (texts - having + 0.5) / (having + 0.5));
    for (const auto& [text, count] : found->second) {
      const double length = 1 - kLengthWeight + kLengthWeight * lengths_[text] / mean_length_;
      scores[text] += weight * rarity * count * (kSaturation + 1) / (count + kSaturation * length);
    }
  }
  return scores;
}

}  // namespace strata::serve
