// For tests: a tokenizer that needs no file.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "formats/tokenizer.h"

namespace strata::knowledge {

/// WordPiece over letters and a few words, so that counts are easy to follow and differ from words.
inline const Tokenizer& WordPiece() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    std::string vocab = R"("[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3)";
    int id = 4;
    for (const std::string word : {"the", "river", "bank", "water", "city", "of", "and", "is"}) {
      vocab += fmt::format(R"(,"{}":{})", word, id++);
    }
    for (char c = '!'; c <= '~'; ++c) {
      if (c >= 'A' && c <= 'Z') continue;
      const std::string text = c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
      vocab += fmt::format(R"(,"{}":{},"##{}":{})", text, id, text, id + 1);
      id += 2;
    }
    for (const char* hanzi : {"水", "火", "山", "城", "。"}) vocab += fmt::format(R"(,"{}":{})", hanzi, id++);
    const std::string json = R"({"version":"1.0","added_tokens":[],"normalizer":{"type":"BertNormalizer",
      "clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
      "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":null,
      "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
      "vocab":{)" + vocab + "}}}";
    auto made = LoadTokenizerJson(json);
    if (!made) throw std::runtime_error(made.error().ToString());
    return std::move(made).value();
  }();
  return *tokenizer;
}

}  // namespace strata::knowledge
