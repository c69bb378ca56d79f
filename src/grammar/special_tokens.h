// Special tokens by their written form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata::grammar {

/// The vocabulary's special tokens, which a TextFormat may name.
class SpecialTokens {
 public:
  virtual ~SpecialTokens() = default;
  struct Occurrence {
    std::size_t at;
    std::size_t length;
    std::int32_t token;
  };
  /// The first place in `text` where the written form of a special token stands; the longest where several begin.
  virtual std::optional<Occurrence> FirstIn(std::string_view text) const = 0;
};

}  // namespace strata::grammar
