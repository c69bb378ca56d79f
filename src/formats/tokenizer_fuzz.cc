// What begins with "{" is a hostile tokenizer.json; all else, behind its first byte, is text for a small tokenizer of
// each kind.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/unicode.h"
#include "formats/tokenizer.h"

namespace {

using strata::TokenId;
using strata::Tokenizer;

void Require(bool holds) {
  if (!holds) std::abort();
}

/// What holds for every tokenizer and text.
void CheckText(const Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.Encode(text);
  for (const TokenId id : ids) Require(id >= 0 && id < tokenizer.vocab_size());
  for (const bool skip : {false, true}) {
    strata::Detokenizer stream(tokenizer, skip);
    std::string streamed;
    for (const TokenId id : ids) {
      const std::string piece = stream.Push(id);
      Require(strata::IsValidUtf8(piece));
      streamed += piece;
    }
    streamed += stream.Finish();
    Require(streamed == tokenizer.Decode(ids, skip));
  }
}

/// "<0x00>" ... as entries from `first` on.
void AddBytes(nlohmann::json& vocabulary, int first) {
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[fmt::format("<0x{:02X}>", byte)] = first + byte;
  }
}

std::unique_ptr<Tokenizer> Load(const nlohmann::json& document) {
  auto loaded = strata::LoadTokenizerJson(document.dump());
  Require(loaded.has_value());
  return std::move(*loaded);
}

std::vector<std::unique_ptr<Tokenizer>> Lossless() {
  using nlohmann::json;
  const json added = {{{"id", 900}, {"content", "<s>"}, {"special", true}},
                      {{"id", 901}, {"content", "the"}},
                      {{"id", 902}, {"content", "A"}, {"single_word", true}}};
  json visible;  // GPT-2's characters for bytes
  int next = 0;
  for (int byte = 0, high = 0x100; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    std::string text;
    strata::AppendUtf8(text, static_cast<char32_t>(printable ? byte : high++));
    visible[text] = next++;
  }
  for (const char* text : {"ab", "abc", "Ġa", "ĠĠ", "ĠĠĠĠ", "aa", "aaaa"}) visible[text] = next++;
  const json byte_level = {
      {"added_tokens", added},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"model",
       {{"type", "BPE"}, {"vocab", visible}, {"merges", {"a b", "ab c", "Ġ a", "Ġ Ġ", "ĠĠ ĠĠ", "a a", "aa aa"}}}},
      {"decoder", {{"type", "ByteLevel"}}}};
  json pieces = {{"<unk>", 0}, {"▁", 1}, {"a", 2}, {"b", 3}, {"▁a", 4}, {"ab", 5}, {"▁▁", 6}, {"é", 7}};
  AddBytes(pieces, 8);
  const json spaced = {{"added_tokens", added},
                       {"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}},
                       {"model",
                        {{"type", "BPE"},
                         {"vocab", pieces},
                         {"merges", {"▁ a", "a b", "▁ ▁"}},
                         {"byte_fallback", true},
                         {"unk_token", "<unk>"}}},
                       {"decoder",
                        {{"type", "Sequence"},
                         {"decoders",
                          {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                           {{"type", "ByteFallback"}},
                           {{"type", "Fuse"}}}}}}};
  std::vector<std::unique_ptr<Tokenizer>> made;
  made.push_back(Load(byte_level));
  json other = byte_level;
  other["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"}, {"pattern", {{"Regex", R"(\p{N}{1,3})"}}}, {"behavior", "Isolated"}},
        {{"type", "Split"}, {"pattern", {{"Regex", "[a-z]+|[^a-z]"}}}, {"behavior", "MergedWithNext"}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  made.push_back(Load(other));
  made.push_back(Load(spaced));
  return made;
}

std::vector<std::unique_ptr<Tokenizer>> Lossy() {
  static constexpr const char* kDocuments[] = {
      R"({"normalizer": {"type": "NFKC"}, "pre_tokenizer": {"type": "Metaspace"}, "decoder": {"type": "Metaspace"},
          "model": {"type": "Unigram", "unk_id": 0,
                    "vocab": [["<unk>", 0], ["▁", -1], ["a", -2], ["▁a", -2.5], ["ab", -3], ["é", -4]]}})",
      R"({"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
          "decoder": {"type": "WordPiece"},
          "model": {"type": "WordPiece", "unk_token": "[UNK]",
                    "vocab": {"[UNK]": 0, "a": 1, "##a": 2, "##b": 3, "don": 4, "'": 5, "t": 6}}})",
      R"({"pre_tokenizer": {"type": "Whitespace"},
          "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2}}})",
  };
  std::vector<std::unique_ptr<Tokenizer>> made;
  for (const char* document : kDocuments) made.push_back(Load(nlohmann::json::parse(document)));
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] == '{') {  // a tokenizer.json is a seed as it stands
    const auto loaded = strata::LoadTokenizerJson({reinterpret_cast<const char*>(data), size});
    if (loaded) {
      for (const char* sample : {"", "a b  c\n", "Hello, wörld! 你好 123 <s>", "\xFF\xC3"}) CheckText(**loaded, sample);
    }
    return 0;
  }
  static const auto lossless = Lossless(), lossy = Lossy();
  const std::string valid = strata::ReplaceInvalidUtf8(text);
  for (const auto& tokenizer : lossless) {
    CheckText(*tokenizer, text);
    // A text with the space mark in it comes back with spaces there.
    if (valid.find("▁") == std::string::npos) Require(tokenizer->Decode(tokenizer->Encode(text)) == valid);
    for (const TokenId id : tokenizer->Encode(text, {.parse_special = false})) Require(!tokenizer->IsSpecial(id));
  }
  for (const auto& tokenizer : lossy) CheckText(*tokenizer, text);
  return 0;
}
