// Byte-pair encoding of one word: the pair with the lowest rank merges first, the leftmost of equals.
// Source: Sennrich et al. 2016, as the `tokenizers` package orders it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer/flat_map.h"
#include "formats/tokenizer/model.h"
#include "formats/tokenizer/vocabulary.h"

namespace strata::tokenizer {

struct BpeMerge {
  TokenId left, right, result;
  std::int32_t rank;
};

struct BpeOptions {
  /// Words are raw bytes and the vocabulary spells them in GPT-2's visible characters.
  bool byte_level = false;
  /// A word that is an entry is that entry, whatever the merges say.
  bool ignore_merges = false;
  /// A character without an entry becomes its bytes' entries, "<0x0A>".
  bool byte_fallback = false;
  /// ... or else this; a run of them becomes one where `fuse_unknown`.
  std::optional<TokenId> unknown;
  bool fuse_unknown = false;
  std::string continuing_subword_prefix = {};  ///< before each character but the first
  std::string end_of_word_suffix = {};         ///< after the last character
};

/// `reachable[id]` says whether text may become `id`: special tokens may not. `vocabulary` must outlive the model.
ModelPtr MakeBpe(const Vocabulary& vocabulary, const std::vector<bool>& reachable, const std::vector<BpeMerge>& merges,
                 BpeOptions options);

}  // namespace strata::tokenizer
