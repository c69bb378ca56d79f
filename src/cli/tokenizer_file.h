// A tokenizer without its model: tokenizer.json, for commands that measure grammars.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "formats/tokenizer.h"

namespace strata::cli {

struct TokenizerFile {
  std::unique_ptr<Tokenizer> tokenizer;
  TokenId end = 0;  ///< ends an answer: the tokenizer's own, or one that chat models use
};

/// tokenizer.json at `path`, with the tokenizer_config.json beside it where there is one. Errors name the file.
Result<TokenizerFile> LoadTokenizerFile(const std::string& path);

}  // namespace strata::cli
