// For tests: served pooling models made in memory: small encoders with random weights, over letters.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "formats/tokenizer.h"
#include "models/tiny_encoder.h"
#include "serve/server.h"

namespace strata::serve {

/// WordPiece over lower-case letters, of as many entries as the tiny models have.
inline std::shared_ptr<const Tokenizer> LetterTokenizer() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> list = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
    for (char c = 'a'; c <= 'z'; ++c) list.push_back(std::string("▁") + c);
    for (char c = 'a'; c <= 'z'; ++c) list.emplace_back(1, c);
    for (const char c : std::string_view("[]")) list.push_back(std::string("▁") + c);
    while (list.size() < 131) list.push_back(fmt::format("[unused{}]", list.size()));
    return list;
  }();
  GgufVocabulary vocabulary;
  vocabulary.model = "bert";
  vocabulary.tokens.assign(texts.begin(), texts.end());
  static const std::vector<std::int32_t> types = [] {
    std::vector<std::int32_t> list(texts.size(), 1);
    list[0] = list[2] = list[3] = 3;
    list[1] = 2;
    return list;
  }();
  vocabulary.token_types = types;
  vocabulary.unk = 1;
  vocabulary.cls = 2;
  vocabulary.sep = 3;
  auto tokenizer = MakeGgufTokenizer(vocabulary);
  EXPECT_TRUE(tokenizer) << tokenizer.error().ToString();
  return std::shared_ptr<const Tokenizer>(std::move(*tokenizer));
}

inline std::shared_ptr<ServedPoolingModel> MakeTestPooling(std::vector<std::string> names,
                                                           const TinyEncoder::Options& options) {
  auto model = std::make_shared<ServedPoolingModel>();
  model->names = std::move(names);
  auto file = std::make_shared<TinyEncoder>(options);
  model->file = file;
  model->tokenizer = LetterTokenizer();
  const std::int64_t step = options.max_positions;  // a text goes through at once
  auto runner = ModelRunner::Load(file, {.threads = 1, .max_sequences = 8, .max_step_tokens = step});
  EXPECT_TRUE(runner) << runner.error().ToString();
  model->engine = std::make_shared<PoolingEngine>(std::move(*runner), PoolingEngineOptions{.step_tokens = step});
  model->created = 1'700'000'000;
  return model;
}

}  // namespace strata::serve
