// Words of a text, as analyser.h defines them; inside the analyser only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::knowledge {

/// Bytes [begin, end) of the scanned text.
struct ScannedWord {
  enum class Kind : std::uint8_t { kWord, kSpaceless };
  std::size_t begin = 0, end = 0;
  Kind kind = Kind::kWord;
  bool has_digit = false;
  bool joined = false;  ///< to the word before it, by connectors alone
};

/// `text`: valid UTF-8 in NFKC.
std::vector<ScannedWord> ScanWords(std::string_view text);

/// Ends of the pieces of a word, in bytes; one end, the word's, when it is of one piece.
std::vector<std::size_t> PieceEnds(std::string_view word);

}  // namespace strata::knowledge
