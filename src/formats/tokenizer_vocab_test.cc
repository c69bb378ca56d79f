// Real vocabularies with the ids that llama.cpp's own converters recorded for them (ggml-vocab-*.gguf, .inp, .out).
#include <cstdlib>
#include <sstream>

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "base/unicode.h"
#include "formats/gguf.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

std::vector<std::string> SplitAt(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size()) {
    parts.push_back(text.substr(at, end - at));
  }
  parts.push_back(text.substr(at));
  return parts;
}

class Vocabulary : public testing::TestWithParam<const char*> {};

TEST_P(Vocabulary, EncodesAndDecodesAsRecorded) {
  const char* data = std::getenv("STRATA_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
  const std::string path = std::string(data) + "/llama.cpp-models/ggml-vocab-" + GetParam() + ".gguf";
  const auto file = GgufFile::Open(path);
  ASSERT_TRUE(file) << file.error().ToString();
  GgufVocabulary vocabulary;
  vocabulary.model = *file->Get<std::string_view>("tokenizer.ggml.model");
  vocabulary.pre = *file->Get<std::string_view>("tokenizer.ggml.pre");
  const auto tokens = *file->Get<GgufArray>("tokenizer.ggml.tokens");
  const auto types = file->Get<GgufArray>("tokenizer.ggml.token_type")->Numbers<std::int32_t>();
  const auto merges = *file->Get<GgufArray>("tokenizer.ggml.merges");
  vocabulary.tokens = tokens.Strings();
  vocabulary.token_types = types;
  vocabulary.merges = merges.Strings();
  const auto tokenizer = MakeGgufTokenizer(vocabulary);
  ASSERT_TRUE(tokenizer) << tokenizer.error().ToString();

  const auto inputs = SplitAt(*ReadFile(path + ".inp"), "\n__ggml_vocab_test__\n");
  std::istringstream lines(*ReadFile(path + ".out"));
  for (const std::string& input : inputs) {
    std::string line;
    if (!std::getline(lines, line)) break;
    std::istringstream numbers(line);
    std::vector<TokenId> want;
    for (TokenId id = 0; numbers >> id;) want.push_back(id);
    const auto got = (*tokenizer)->Encode(input, {.add_special_tokens = false, .parse_special = false});
    EXPECT_EQ(got, want) << testing::PrintToString(input);
    EXPECT_EQ((*tokenizer)->Decode(got), input);
    Detokenizer stream(**tokenizer);
    std::string text;
    for (const TokenId id : got) {
      const std::string piece = stream.Push(id);
      EXPECT_TRUE(IsValidUtf8(piece));
      text += piece;
    }
    EXPECT_EQ(text + stream.Finish(), input);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Vocabulary,
                         testing::Values("gpt-2", "llama-bpe", "qwen2", "starcoder", "refact", "command-r", "mpt"));

}  // namespace
}  // namespace strata
