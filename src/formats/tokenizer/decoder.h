// From tokens back to text, as a chain of steps that each turn a stream of tokens into another. Whole texts and streams
// are decoded by the same code, so that they cannot differ.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer/pattern.h"

namespace strata::tokenizer {

/// Receives tokens, which may come in fragments: the first begins the token, the last (perhaps empty) ends it.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void Take(std::string_view fragment, bool begins, bool ends) = 0;
  /// No more tokens come.
  virtual void Finish() = 0;
};

class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  /// A new stream through this step into `out`.
  virtual std::unique_ptr<TokenSink> Start(TokenSink& out) const = 0;
  /// What the step makes of a token in the middle of a text, as bytes.
  virtual std::string Alone(std::string token) const = 0;
};

using DecoderStepPtr = std::unique_ptr<DecoderStep>;

/// GPT-2's visible characters become the bytes they stand for; the whole is one token.
DecoderStepPtr MakeByteLevelDecoder();
/// Runs of "<0xAB>" become the text that those bytes are, or a U+FFFD for each where they are none.
DecoderStepPtr MakeByteFallbackDecoder();
/// All tokens become one.
DecoderStepPtr MakeFuseDecoder();
/// Drops up to `start` times `content` (one character) from the start of each token, and `stop` times from its end.
DecoderStepPtr MakeStripDecoder(std::string content, std::size_t start, std::size_t stop);
DecoderStepPtr MakeReplaceDecoder(std::string pattern, std::string content);
DecoderStepPtr MakeReplaceDecoder(std::unique_ptr<Pattern> pattern, std::string content);
/// `replacement` becomes a space, and in the first token nothing where `drops_first`.
DecoderStepPtr MakeMetaspaceDecoder(std::string replacement, bool drops_first);
/// Tokens but the first lose `prefix`, or get a space before them. `cleanup`: BERT's rules for English punctuation.
DecoderStepPtr MakeWordPieceDecoder(std::string prefix, bool cleanup);
/// `suffix` becomes a space, and in the last token nothing.
DecoderStepPtr MakeSuffixDecoder(std::string suffix);
/// A space between tokens: what is done when a tokenizer names no decoder.
DecoderStepPtr MakeJoinDecoder();

}  // namespace strata::tokenizer
