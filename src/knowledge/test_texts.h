// For tests: texts of which it is known what their chunks are and which words find them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata::knowledge {

/// A word of letters alone, which is one term and has no ending to lose.
inline std::string Word(std::uint64_t number) {
  std::string word = "word";
  for (const char digit : std::to_string(number)) word += "bcdfghjklm"[digit - '0'];
  return word;
}

/// A text with one paragraph for each word; each is about as long as a chunk, so that it is one of its own.
inline std::string TextOf(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += text.empty() ? "" : "\n\n";
    text += word + " begins a paragraph";
    for (int i = 0; i < 7; ++i) text += " of the river and the bank of the city";
    text += ".";
  }
  return text;
}

}  // namespace strata::knowledge
