// Numbers in attributes of documents, which nobody has checked.
#pragma once

#include <charconv>
#include <string_view>

namespace strata::knowledge {

/// The integer that the text begins with, or `otherwise`.
template <class Integer>
Integer NumberOr(std::string_view text, Integer otherwise) {
  Integer value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace strata::knowledge
