// Real vocabularies with the ids that llama.cpp's own converters recorded for them: each ggml-vocab-NAME.gguf that has
// a .inp and a .out beside it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "base/unicode.h"
#include "formats/gguf_tokenizer.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> SplitAt(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size()) {
    parts.push_back(text.substr(at, end - at));
  }
  parts.push_back(text.substr(at));
  return parts;
}

/// Every vocabulary with a pair; none where the data is not there (the test below then says so).
std::vector<std::string> Pairs() {
  std::vector<std::string> names;
  const char* data = std::getenv("STRATA_TEST_DATA");
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(fs::path(data == nullptr ? "" : data) / "llama.cpp-models", none)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".gguf") && fs::exists(path + ".inp") && fs::exists(path + ".out")) names.push_back(path);
  }
  std::ranges::sort(names);
  return names;
}

class Vocabulary : public testing::TestWithParam<std::string> {};

TEST_P(Vocabulary, EncodesAndDecodesAsRecorded) {
  const std::string& path = GetParam();
  const auto file = GgufFile::Open(path);
  ASSERT_TRUE(file) << file.error().ToString();
  const auto tokenizer = LoadGgufTokenizer(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().ToString();
  // BERT's normaliser loses case and accents: what it encoded cannot come back.
  const bool lossless = path.find("bert") == std::string::npos;

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
    const std::string decoded = (*tokenizer)->Decode(got);
    if (lossless) EXPECT_EQ(decoded, input);
    Detokenizer stream(**tokenizer, false);
    std::string text;
    for (const TokenId id : got) {
      const std::string piece = stream.Push(id);
      EXPECT_TRUE(IsValidUtf8(piece));
      text += piece;
    }
    EXPECT_EQ(text + stream.Finish(), decoded);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Vocabulary, testing::ValuesIn(Pairs()), [](const auto& info) {
  std::string name = fs::path(info.param).stem().string();
  std::ranges::replace_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Vocabulary);

TEST(VocabularyData, IsThere) {
  if (std::getenv("STRATA_TEST_DATA") == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
  EXPECT_GE(Pairs().size(), 15U) << "scripts/fetch_test_data.sh fills STRATA_TEST_DATA";
}

}  // namespace
}  // namespace strata
