// Real tokenizers beside the `tokenizers` package: hashes of what it made of each text of a corpus
// (tools/golden/tokenizers_goldens.py).
#include <cstdlib>
#include <filesystem>
#include <span>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "base/unicode.h"
#include "formats/gguf_tokenizer.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

const fs::path kData = STRATA_SOURCE_DIR "/src/formats/testdata/tokenizer";

std::string Digest(std::string_view text, std::size_t digits) {
  return fmt::format("{:016x}", Hash64(text)).substr(0, digits);
}
std::string Digest(const std::vector<TokenId>& ids, std::size_t digits) {
  return fmt::format("{:016x}", Hash64(std::as_bytes(std::span(ids)))).substr(0, digits);
}

Result<std::unique_ptr<Tokenizer>> Load(const fs::path& path) {
  if (path.extension() != ".gguf") {
    STRATA_TRY(const std::string json, ReadFile((path / "tokenizer.json").string()));
    return LoadTokenizerJson(json);
  }
  STRATA_TRY(const GgufFile file, GgufFile::Open(path.string()));
  return LoadGgufTokenizer(file);
}

std::string Stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special_tokens) {
  Detokenizer stream(tokenizer, skip_special_tokens);
  std::string text;
  for (const TokenId id : ids) {
    const std::string piece = stream.Push(id);
    EXPECT_TRUE(IsValidUtf8(piece));
    text += piece;
  }
  return text + stream.Finish();
}

/// Whether the ids hold a special token that is not the unknown one.
bool HasSpecial(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  return std::ranges::any_of(ids, [&](TokenId id) {
    const std::string_view text = tokenizer.TokenText(id);
    return tokenizer.IsSpecial(id) && text != "<unk>" && text != "[UNK]";
  });
}

class Golden : public testing::TestWithParam<fs::path> {};

TEST_P(Golden, EncodesAndDecodesAsTheTokenizersPackage) {
  const char* data = std::getenv("STRATA_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
  const auto golden = nlohmann::json::parse(*ReadFile(GetParam().string()));
  const auto corpus = nlohmann::json::parse(*ReadFile((kData / "corpus.json").string()));
  const auto loaded = Load(fs::path(data) / golden["source"].get<std::string>());
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const Tokenizer& tokenizer = **loaded;
  ASSERT_EQ(golden["rows"].size(), corpus.size());
  ASSERT_GE(corpus.size(), 1000U);
  int wrong = 0;
  for (std::size_t i = 0; i < corpus.size() && wrong < 10; ++i) {
    const auto text = corpus[i].get<std::string>();
    const auto row = golden["rows"][i].get<std::string>();
    const auto plain = tokenizer.Encode(text, {.add_special_tokens = false});
    const auto special = tokenizer.Encode(text);
    const auto as_text = tokenizer.Encode(text, {.add_special_tokens = false, .parse_special = false});
    const std::string decoded = tokenizer.Decode(special), skipped = tokenizer.Decode(special, true);
    std::string as_text_digest = Digest(as_text, 6);
    // A unigram model whose vocabulary has its special tokens finds them in plain text; here they stay text.
    if (golden["source"] == "llama.cpp-models/ggml-vocab-nomic-bert-moe.gguf") as_text_digest = row.substr(22, 6);
    const std::string got =
        Digest(plain, 16) + Digest(special, 6) + as_text_digest + Digest(decoded, 6) + Digest(skipped, 6);
    EXPECT_EQ(got, row) << "text " << i << ": " << testing::PrintToString(text)
                        << "\nids: " << testing::PrintToString(plain) << "\ndecoded: " << decoded;
    wrong += got != row;
    EXPECT_EQ(Stream(tokenizer, special, false), decoded);
    EXPECT_EQ(Stream(tokenizer, special, true), skipped);
    EXPECT_FALSE(HasSpecial(tokenizer, as_text)) << testing::PrintToString(text);
  }
}

std::vector<fs::path> Goldens() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(kData / "goldens")) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

INSTANTIATE_TEST_SUITE_P(All, Golden, testing::ValuesIn(Goldens()), [](const auto& info) {
  std::string name = info.param.stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace strata
