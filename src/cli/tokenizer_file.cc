#include "cli/tokenizer_file.h"

#include <filesystem>
#include <utility>

#include "base/mapped_file.h"

namespace strata::cli {
namespace {

Result<TokenId> EndToken(const Tokenizer& tokenizer) {
  for (const char* name : {"<|eot_id|>", "<|im_end|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<end_of_turn>"}) {
    if (const auto id = tokenizer.FindToken(name)) return *id;
  }
  if (const auto eos = tokenizer.eos()) return *eos;
  return Fail(ErrorCode::kInvalidArgument, "the tokenizer names no token that ends a text");
}

}  // namespace

Result<TokenizerFile> LoadTokenizerFile(const std::string& path) {
  STRATA_TRY(const std::string tokenizer_json, ReadFile(path));
  const std::filesystem::path config = std::filesystem::path(path).parent_path() / "tokenizer_config.json";
  std::string config_json;
  if (std::filesystem::exists(config)) {
    STRATA_TRY(config_json, ReadFile(config.string()));
  }
  TokenizerFile file;
  STRATA_TRY(file.tokenizer, LoadTokenizerJson(tokenizer_json, config_json), "while loading {}", path);
  STRATA_TRY(file.end, EndToken(*file.tokenizer), "in {}", path);
  return file;
}

}  // namespace strata::cli
