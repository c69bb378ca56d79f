// Special tokens that are written in texts which are data: what tools return, and how strangers describe their tools.
// A prompt's special tokens structure it ("<|im_start|>system"); those that come with data must stay text, or whoever
// wrote the data could speak as somebody else.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "formats/tokenizer.h"

namespace strata {

class SpecialTexts {
 public:
  /// The tokenizer must outlive it.
  explicit SpecialTexts(const Tokenizer& tokenizer);

  /// Whether a string anywhere in `value` has one.
  bool Has(const nlohmann::ordered_json& value) const;
  /// Puts a mark of plain ASCII in the place of each: a template may move and escape it like other text.
  void Hide(nlohmann::ordered_json& value) const;

  /// The tokens of a rendered prompt whose data was hidden; what comes back in the place of a mark is ordinary text.
  /// `prompt` gets it back as well.
  std::vector<TokenId> Encode(std::string& prompt, bool add_special_tokens) const;

 private:
  /// The special token that `text` begins with: its place in texts_, or -1.
  int At(std::string_view text) const;
  std::string Hidden(std::string_view text) const;

  const Tokenizer& tokenizer_;
  std::vector<std::string> texts_;  ///< the longest first
  std::array<bool, 256> begins_{};  ///< bytes that one begins with
};

}  // namespace strata
