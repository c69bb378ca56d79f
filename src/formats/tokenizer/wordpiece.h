// WordPiece (BERT: the longest entry first, from the left) and whole words.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/tokenizer/model.h"
#include "formats/tokenizer/vocabulary.h"

namespace strata::tokenizer {

/// How entries are spelled and what they match.
struct WordPieceEntries {
  std::vector<std::pair<std::string, TokenId>> initial;     ///< at the start of a word
  std::vector<std::pair<std::string, TokenId>> continuing;  ///< after it, without the "##"
};
/// Entries that begin with `prefix` continue words; the others begin them.
WordPieceEntries EntriesByPrefix(const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                                 std::string_view prefix);

/// A word that the entries do not cover, or of more than `max_characters`, is `unknown`.
ModelPtr MakeWordPiece(const WordPieceEntries& entries, std::optional<TokenId> unknown, std::size_t max_characters);

/// `vocabulary` must outlive the model.
ModelPtr MakeWordLevel(const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                       std::optional<TokenId> unknown);

}  // namespace strata::tokenizer
