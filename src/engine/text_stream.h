// From an engine's tokens to a client's text: incremental detokenisation and stop strings, on the consumer's thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "formats/tokenizer.h"

namespace strata {

struct TextStreamOptions {
  std::vector<std::string> stop;  ///< the text ends before the first of them to appear
  bool include_stop = false;      ///< keep the stop string (or stop token's text) in the output
  bool skip_special_tokens = true;
  std::int64_t min_tokens = 0;  ///< stop strings are not looked for in the text of the first so many tokens
};

class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, TextStreamOptions options);

  /// Text that may be shown now: never half a character, never the beginning of a stop string that could still
  /// complete. After stopped() it returns "".
  std::string Push(TokenId token);
  /// What was held back, when the sequence ended without a stop string.
  std::string Finish();

  bool stopped() const { return stopped_; }
  /// The stop string that ended it.
  const std::string& matched_stop() const { return matched_; }

 private:
  std::string Release(std::string text, bool last);

  Detokenizer detokenizer_;
  TextStreamOptions options_;
  std::int64_t pushed_ = 0;
  std::string held_;
  std::string matched_;
  bool stopped_ = false;
};

}  // namespace strata
