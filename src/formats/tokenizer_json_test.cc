// tokenizer.json: what is refused and how, the config beside it, and work that grows with the text and no faster.
#include <chrono>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "base/unicode.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

using nlohmann::json;

json Base(const std::string& name) {
  static const auto components =
      json::parse(*ReadFile(STRATA_SOURCE_DIR "/src/formats/testdata/tokenizer/components.json"));
  return components["bases"][name];
}

std::unique_ptr<Tokenizer> Load(const json& document, const json& config = nullptr) {
  auto loaded = LoadTokenizerJson(document.dump(), config.is_null() ? "" : config.dump());
  EXPECT_TRUE(loaded) << loaded.error().ToString();
  return loaded ? std::move(*loaded) : nullptr;
}

struct BadCase {
  const char* pointer;  ///< what is replaced
  json value;
  ErrorCode code;
  const char* message;
};

class Refused : public testing::TestWithParam<BadCase> {};

TEST_P(Refused, NamesThePlace) {
  json document = Base("byte_level");
  document[json::json_pointer(GetParam().pointer)] = GetParam().value;
  const auto loaded = LoadTokenizerJson(document.dump());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), GetParam().code);
  EXPECT_NE(loaded.error().ToString().find(GetParam().message), std::string::npos) << loaded.error().ToString();
}

INSTANTIATE_TEST_SUITE_P(
    All, Refused,
    testing::Values(
        BadCase{"/normalizer", {{"type", "Magic"}}, ErrorCode::kUnsupported, "/normalizer/type: normalizer Magic"},
        BadCase{"/normalizer", {{"kind", "NFC"}}, ErrorCode::kCorrupt, "/normalizer/type: is missing"},
        BadCase{"/normalizer", "NFC", ErrorCode::kCorrupt, "/normalizer: an object is expected"},
        BadCase{"/normalizer",
                {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "X"}}}}},
                ErrorCode::kUnsupported,
                "/normalizer/normalizers/1/type"},
        BadCase{"/normalizer",
                {{"type", "Precompiled"}, {"precompiled_charsmap", "AAA*"}},
                ErrorCode::kCorrupt,
                "/normalizer/precompiled_charsmap: is not base64"},
        BadCase{"/normalizer",
                {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}},
                ErrorCode::kCorrupt,
                "/normalizer/precompiled_charsmap"},
        BadCase{"/pre_tokenizer",
                {{"type", "Sequence"}, {"pretokenizers", {{{"type", "ByteLevel"}}, {{"type", "UnicodeScripts"}}}}},
                ErrorCode::kUnsupported,
                "/pre_tokenizer/pretokenizers/1/type: pre-tokenizer UnicodeScripts is not known"},
        BadCase{"/pre_tokenizer",
                {{"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}},
                ErrorCode::kUnsupported,
                "/pre_tokenizer/pattern/Regex"},
        BadCase{"/pre_tokenizer",
                {{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Lost"}},
                ErrorCode::kUnsupported,
                "/pre_tokenizer/behavior"},
        BadCase{"/model/type", "Neural", ErrorCode::kUnsupported, "/model/type: model Neural is not known"},
        BadCase{"/model/dropout", 0.1, ErrorCode::kUnsupported, "/model/dropout"},
        BadCase{"/model/merges", json::array({"a b c"}), ErrorCode::kCorrupt, "/model/merges/0"},
        BadCase{"/model/merges", json::array({json::array({"a", "nonesuch"})}), ErrorCode::kCorrupt,
                "/model/merges/0: \"nonesuch\" is no entry"},
        BadCase{"/model/vocab", 3, ErrorCode::kCorrupt, "/model/vocab"},
        BadCase{"/model/vocab/far", 2'000'000'000, ErrorCode::kCorrupt, "/model/vocab/far"},
        BadCase{"/model/vocab/far", -1, ErrorCode::kCorrupt, "/model/vocab/far"},
        BadCase{"/added_tokens/0/id", 2'000'000'000, ErrorCode::kCorrupt, "/added_tokens/0/id"},
        BadCase{"/added_tokens/0/content", "new", ErrorCode::kCorrupt, "/added_tokens: id 0 of \"new\" is that of"},
        BadCase{"/added_tokens/0/content", nullptr, ErrorCode::kCorrupt, "/added_tokens/0/content: is missing"},
        BadCase{"/post_processor",
                {{"type", "BertProcessing"}, {"sep", {"x", 99999}}, {"cls", {"x", 1}}},
                ErrorCode::kCorrupt,
                "/post_processor: id 99999"},
        BadCase{"/decoder", {{"type", "CTC"}}, ErrorCode::kUnsupported, "/decoder/type: decoder CTC is not known"},
        BadCase{"/decoder", {{"type", "Strip"}, {"content", ""}}, ErrorCode::kCorrupt, "/decoder/content"}),
    [](const auto& info) { return std::to_string(info.index); });

TEST(TokenizerJson, RefusesWhatIsNotJson) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string(100'000, '['), std::string("{\"a\":\"\xFF\"}")}) {
    const auto loaded = LoadTokenizerJson(text);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
  }
}

TEST(TokenizerJson, ReadsBeginAndEndFromTheConfig) {
  const json document = Base("byte_level");
  const TokenId bos = 1, eos = 2;  // <s>, </s>
  auto tokenizer =
      Load(document, {{"bos_token", {{"content", "<s>"}}}, {"eos_token", "</s>"}, {"add_bos_token", true}});
  EXPECT_EQ(tokenizer->bos(), bos);
  EXPECT_EQ(tokenizer->eos(), eos);
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->Encode("").front(), bos);
  EXPECT_EQ(tokenizer->Encode("", {.add_special_tokens = false}).size(), 0U);

  tokenizer = Load(document, {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"add_eos_token", true}});
  EXPECT_FALSE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->Encode("").back(), eos);

  json with_bos = document;
  with_bos["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
                                {"special_tokens", {{"<s>", {{"ids", {bos}}}}}}};
  EXPECT_TRUE(Load(with_bos, {{"bos_token", "<s>"}})->adds_bos());
  EXPECT_FALSE(Load(with_bos, {{"bos_token", "<s>"}, {"add_bos_token", false}})->adds_bos());
  EXPECT_EQ(Load(with_bos)->bos(), std::nullopt);
}

TEST(TokenizerJson, KeepsSpecialTokensOutOfPlainText) {
  for (const char* name : {"byte_level", "spaced", "unigram", "word_piece", "word_level", "suffixed", "prefixed"}) {
    const auto tokenizer = Load(Base(name));
    const std::string text = "a <s> b</s>[CLS] [SEP]<s>";
    const auto parsed = tokenizer->Encode(text), plain = tokenizer->Encode(text, {.parse_special = false});
    EXPECT_EQ(std::ranges::count(parsed, 1), 2) << name;
    for (const TokenId id : plain) EXPECT_TRUE(!tokenizer->IsSpecial(id) || id == 0) << name << " gives " << id;
  }
}

TEST(TokenizerJson, GivesTheBytesOfATokenByItself) {
  json document = Base("spaced");
  document["decoder"] = {{"type", "Sequence"},
                         {"decoders",
                          {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                           {{"type", "ByteFallback"}},
                           {{"type", "Fuse"}}}}};
  document["model"]["vocab"]["<0xE5>"] = document["model"]["vocab"].size();
  const auto tokenizer = Load(document);
  EXPECT_EQ(tokenizer->TokenBytes(*tokenizer->FindToken("▁")), " ");
  EXPECT_EQ(tokenizer->TokenBytes(*tokenizer->FindToken("<0xE5>")), "\xE5");
  EXPECT_EQ(tokenizer->TokenBytes(*tokenizer->FindToken("<s>")), "<s>");
  EXPECT_EQ(tokenizer->TokenBytes(-1), "");
  EXPECT_EQ(tokenizer->TokenBytes(tokenizer->vocab_size()), "");
  const auto pieces = Load(Base("word_piece"));
  EXPECT_EQ(pieces->TokenBytes(*pieces->FindToken("##e")), "e");
  EXPECT_EQ(pieces->TokenBytes(*pieces->FindToken("e")), " e");
}

TEST(TokenizerJson, TakesAnyBytes) {
  for (const char* name : {"byte_level", "spaced", "unigram", "word_piece", "word_level"}) {
    const auto tokenizer = Load(Base(name));
    const std::string text = "a\xFF\xC3 \xE5\xA5" + std::string(1, '\0') + "b\xF0\x9F\x98";
    EXPECT_EQ(tokenizer->Encode(text), tokenizer->Encode(ReplaceInvalidUtf8(text))) << name;
  }
}

/// Seconds of the quickest of three rounds.
double Seconds(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    tokenizer.Encode(text);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

TEST(TokenizerJson, StaysNearLinearOnLongRuns) {
  json spaced_words = Base("spaced");
  spaced_words["pre_tokenizer"] = nullptr;  // one word, however long
  const std::pair<const char*, std::unique_ptr<Tokenizer>> tokenizers[] = {{"byte_level", Load(Base("byte_level"))},
                                                                           {"spaced", Load(Base("spaced"))},
                                                                           {"no words", Load(spaced_words)},
                                                                           {"unigram", Load(Base("unigram"))},
                                                                           {"word_piece", Load(Base("word_piece"))}};
  for (const auto& [name, tokenizer] : tokenizers) {
    for (const char* unit : {"a", " ", "a b ", "ab", "\n", "é", "'", "<"}) {
      const auto repeat = [&](std::size_t bytes) {
        std::string text;
        while (text.size() < bytes) text += unit;
        return text;
      };
      // Sixteen times the text: a quadratic part would take 256 times as long; n log n with cold caches stays below 64
      // on a quiet machine.
      const double small = Seconds(*tokenizer, repeat(1 << 14)), large = Seconds(*tokenizer, repeat(1 << 18));
      EXPECT_LT(large, 128 * small + 0.02) << name << " on a run of " << testing::PrintToString(unit);
    }
  }
}

}  // namespace
}  // namespace strata
