// Text to terms: what the inverted index holds, and what a query asks it for. The same at both ends.
//
// Over the NFKC form of the text:
// - A *word* is a run of letters, digits and marks; an apostrophe between letters belongs to it, and so do a point
//   between digits ("10.0.0.1", "v1.2.3") and a comma of thousands, which is dropped ("1,234" is 1234).
// - Its term is the word with its case folded; without digits, it is stemmed (Snowball), and a stop word gives none.
// - A word of several pieces (camelCase, letters beside digits) gives the terms of its pieces of two characters or
//   more, too: "getUserID" is getuserid, get, user; "python3.11" is python3.11, python, 3.11.
// - Words joined by one to three of . _ - / @ : \ give the whole, folded, too: "snake_case", "a.b@example.org".
// - Scripts without spaces between words (Han, kana, Hangul, Thai, Lao, Khmer, Myanmar) give pairs of neighbours, and
// in
//   texts (not in queries of more than one character) single characters, too.
//
// What a word gives "too" does not count in the text's length (as Lucene's similarities discount overlaps): a text is
// not longer for having names of functions in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::knowledge {

/// Changes whenever the same text or chunk would give other terms: an index of another version must be built again.
inline constexpr std::uint32_t kAnalyserVersion = 2;

/// A term of a text and how often it has it.
struct TermCount {
  std::string term;
  std::uint32_t count = 0;
  bool operator==(const TermCount&) const = default;
};

struct AnalysedText {
  std::vector<TermCount> terms;  ///< in the order in which they first come
  std::uint32_t length = 0;      ///< words that gave a term
};

/// Thread-safe.
class Analyser {
 public:
  /// `language`: a Snowball stemmer's ("english", "german", ...), or "none": neither stemmed nor stopped. Errors:
  /// kInvalidArgument listing the languages.
  static Result<Analyser> Create(const std::string& language);
  Analyser(Analyser&&) noexcept;
  Analyser& operator=(Analyser&&) noexcept;
  ~Analyser();

  enum class Use : std::uint8_t { kText, kQuery };
  AnalysedText Analyse(std::string_view text, Use use) const;

 private:
  struct State;
  explicit Analyser(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace strata::knowledge
