// Cuts a text into the words that a model encodes one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tokenizer/pattern.h"

namespace strata::tokenizer {

struct Piece {
  std::string_view text;    ///< valid UTF-8, not empty
  bool begins_text = true;  ///< nothing of the input stands before it
};

class PieceSink {
 public:
  virtual ~PieceSink() = default;
  /// `piece` lives until this returns.
  virtual void Take(const Piece& piece) = 0;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Hands the words of `piece` to `out`, in order.
  virtual void Split(const Piece& piece, PieceSink& out) const = 0;
};

using PreTokenizerPtr = std::unique_ptr<PreTokenizer>;

/// What becomes of the matches of a Split's pattern.
enum class SplitBehavior : std::uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// Each step cuts what the one before left.
PreTokenizerPtr MakePreTokenizerSequence(std::vector<PreTokenizerPtr> steps);
/// With `invert` it is what lies between the matches that `behavior` is about.
PreTokenizerPtr MakeSplit(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert = false);
/// Puts a space before what does not begin with one.
PreTokenizerPtr MakeAddPrefixSpace();
/// Writes bytes as GPT-2's visible characters.
PreTokenizerPtr MakeByteLevelCharacters();
PreTokenizerPtr MakeDigits(bool individual);
PreTokenizerPtr MakePunctuation(SplitBehavior behavior);
PreTokenizerPtr MakeWhitespaceSplit();
/// Cuts at white space, and at each punctuation mark.
PreTokenizerPtr MakeBertPreTokenizer();

enum class PrependScheme : std::uint8_t { kNever, kFirst, kAlways };
/// Spaces become `replacement` (one character), which begins a word; `scheme` says where one is added.
PreTokenizerPtr MakeMetaspace(std::string replacement, PrependScheme scheme, bool split);

}  // namespace strata::tokenizer
