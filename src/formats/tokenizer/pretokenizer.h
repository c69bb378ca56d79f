// Cuts text into the words that BPE merges within, by regular expressions applied one after the other.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::tokenizer {

class Pretokenizer {
 public:
  /// Each expression splits what the one before left: its matches and what lies between are pieces of their own.
  /// Errors: kUnsupported with PCRE2's message and offset.
  static Result<Pretokenizer> Make(const std::vector<std::string>& expressions);

  /// The expressions of a GGUF file's tokenizer.ggml.pre. Errors: kUnsupported naming it.
  static Result<Pretokenizer> ForGguf(std::string_view pre);

  /// Calls word(piece) in order; the pieces together are `text`, which must be valid UTF-8.
  void Split(std::string_view text, const std::function<void(std::string_view)>& word) const;

 private:
  struct Regex;
  void SplitFrom(std::size_t expression, std::string_view text,
                 const std::function<void(std::string_view)>& word) const;
  std::vector<std::shared_ptr<const Regex>> regexes_;
};

}  // namespace strata::tokenizer
