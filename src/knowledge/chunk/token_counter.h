#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "formats/tokenizer.h"

namespace strata::knowledge {

/// What text costs of a chunk's budget. A word that the vocabulary does not know is one token however long it is, so
/// bytes count as well.
class TokenCounter {
 public:
  static constexpr std::size_t kBytesPerToken = 16;

  explicit TokenCounter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  std::int64_t Tokens(std::string_view text) const {
    return static_cast<std::int64_t>(
        tokenizer_.Encode(text, {.add_special_tokens = false, .parse_special = false}).size());
  }
  /// Not less than Tokens; text that cannot be within `enough` by its bytes alone is not encoded.
  std::int64_t Cost(std::string_view text, std::int64_t enough) const {
    const auto by_bytes = static_cast<std::int64_t>((text.size() + kBytesPerToken - 1) / kBytesPerToken);
    return by_bytes > enough ? by_bytes : std::max(by_bytes, Tokens(text));
  }

 private:
  const Tokenizer& tokenizer_;
};

}  // namespace strata::knowledge
