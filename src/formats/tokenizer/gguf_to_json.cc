// A GGUF vocabulary as the tokenizer.json that the `tokenizers` package reads.
#include <nlohmann/json.hpp>

#include "formats/tokenizer.h"
#include "formats/tokenizer/gguf_pretokenizers.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int32_t kUnknown = 2, kControl = 3, kUserDefined = 4;  // tokenizer.ggml.token_type

Json ByteLevel(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json AddedTokens(const GgufVocabulary& vocabulary) {
  Json added = Json::array();
  for (std::size_t id = 0; id < vocabulary.token_types.size(); ++id) {
    const std::int32_t type = vocabulary.token_types[id];
    const bool special = type == kControl || type == kUnknown;
    if (!special && type != kUserDefined) continue;
    added.push_back({{"id", id},
                     {"content", vocabulary.tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  }
  return added;
}

/// What stands before and behind a text.
Json PostProcessor(const GgufVocabulary& vocabulary, const tokenizer::GgufWordRules& rules) {
  Json single = Json::array(), tokens = Json::object();
  const auto put = [&](TokenId id) {
    const std::string text(vocabulary.tokens[static_cast<std::size_t>(id)]);
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    tokens[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
  };
  if (vocabulary.add_bos.value_or(rules.add_bos) && vocabulary.bos) put(*vocabulary.bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (vocabulary.add_eos.value_or(false) && vocabulary.eos) put(*vocabulary.eos);
  if (rules.add_sep && vocabulary.sep && !vocabulary.add_eos) put(*vocabulary.sep);
  if (tokens.empty()) return ByteLevel(false);
  Json pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

}  // namespace

Result<std::string> TokenizerJsonOf(const GgufVocabulary& vocabulary) {
  if (vocabulary.model != "gpt2") {
    return Fail(ErrorCode::kUnsupported, "tokenizer.ggml.model: {} cannot be written as tokenizer.json (gpt2 can)",
                vocabulary.model);
  }
  STRATA_TRY(const tokenizer::GgufWordRules rules, tokenizer::WordRulesOfGguf(vocabulary.pre));
  Json steps = Json::array();
  for (const std::string_view expression : rules.expressions) {
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  steps.push_back(ByteLevel(false));
  Json vocab = Json::object(), merges = Json::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) vocab[std::string(vocabulary.tokens[id])] = id;
  for (const std::string_view merge : vocabulary.merges) merges.push_back(merge);
  const Json document = {{"version", "1.0"},
                         {"truncation", nullptr},
                         {"padding", nullptr},
                         {"added_tokens", AddedTokens(vocabulary)},
                         {"normalizer", rules.nfc ? Json{{"type", "NFC"}} : Json(nullptr)},
                         {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
                         {"post_processor", PostProcessor(vocabulary, rules)},
                         {"decoder", ByteLevel(true)},
                         {"model",
                          {{"type", "BPE"},
                           {"dropout", nullptr},
                           {"unk_token", nullptr},
                           {"continuing_subword_prefix", nullptr},
                           {"end_of_word_suffix", nullptr},
                           {"fuse_unk", false},
                           {"byte_fallback", false},
                           {"ignore_merges", rules.ignore_merges},
                           {"vocab", vocab},
                           {"merges", merges}}}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace strata
