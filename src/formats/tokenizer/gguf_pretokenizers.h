// What the name in tokenizer.ggml.pre stands for.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "formats/tokenizer/normalizer.h"
#include "formats/tokenizer/pretokenizer.h"

namespace strata::tokenizer {

struct GgufWords {
  NormalizerPtr normalizer;  ///< may be null
  PreTokenizerPtr pre_tokenizer;
  bool ignore_merges = false;  ///< a word that is an entry is that entry
  bool add_bos = false;        ///< when the file does not say
  bool add_sep = false;        ///< ends a text with the separator
};

/// Errors: kUnsupported by name.
Result<GgufWords> WordsOfGguf(std::string_view pre);

/// The same in tokenizer.json's terms.
struct GgufWordRules {
  std::span<const std::string_view> expressions;  ///< of the splits, one after another
  bool nfc, ignore_merges, add_bos, add_sep;
};
Result<GgufWordRules> WordRulesOfGguf(std::string_view pre);

}  // namespace strata::tokenizer
