// Rewrites the text before anything is looked up in it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unicode.h"
#include "formats/tokenizer/pattern.h"

namespace strata::tokenizer {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// `text` is valid UTF-8 and stays so.
  virtual void Apply(std::string& text) const = 0;
};

using NormalizerPtr = std::unique_ptr<Normalizer>;

NormalizerPtr MakeNormalizerSequence(std::vector<NormalizerPtr> steps);
NormalizerPtr MakeUnicodeForm(NormalizationForm form);
NormalizerPtr MakeLowercase();
/// Drops every mark (\p{M}).
NormalizerPtr MakeStripAccents();
/// Drops white space at the ends.
NormalizerPtr MakeStrip(bool left, bool right);
NormalizerPtr MakeReplace(std::unique_ptr<Pattern> pattern, std::string content);
/// Puts `prefix` before a text that is not empty.
NormalizerPtr MakePrepend(std::string prefix);
/// Writes bytes as GPT-2's visible characters.
NormalizerPtr MakeByteLevelNormalizer();
/// Drops controls, makes other white space a space (SentencePiece's rules for translation models).
NormalizerPtr MakeNmt();

struct BertRules {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};
NormalizerPtr MakeBertNormalizer(const BertRules& rules);

/// SentencePiece's precompiled_charsmap: a double-array trie of what is replaced, and the replacements. As in the
/// `tokenizers` package, a grapheme of fewer than six bytes is looked up whole before its characters are.
/// Errors: kCorrupt.
Result<NormalizerPtr> MakeCharsmap(std::span<const std::byte> blob);

}  // namespace strata::tokenizer
