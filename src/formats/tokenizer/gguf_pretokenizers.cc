// Source: the pre_tokenizer of each publisher's tokenizer.json; where the publisher has none, what its own code splits
// by.
#include "formats/tokenizer/gguf_pretokenizers.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace strata::tokenizer {
namespace {

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define CASED_WORDS(suffix)                                                                \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)" suffix \
  R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)" suffix
#define SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" SPACES;
constexpr std::string_view kQwen2 = CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" SPACES;
constexpr std::string_view kQwen35 =
    CONTRACTION R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" SPACES;
constexpr std::string_view kGpt4o = CASED_WORDS(CONTRACTION "?") R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" SPACES;
constexpr std::string_view kTekken = CASED_WORDS("") R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" SPACES;
constexpr std::string_view kDigit = R"(\p{N})", kThreeDigits = R"(\p{N}{1,3})", kDigits = R"(\p{N}+)";
constexpr std::string_view kHanKana = "[一-龥\u3040-\u309F\u30A0-\u30FF]+";
constexpr std::string_view kDeepSeek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)" SPACES;
constexpr std::string_view kNewline = R"([\r\n])", kHanHangul = "[一-龥ࠀ-一가-\uD7FF]+";
constexpr std::string_view kDeepSeekLlmLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepSeekLlmPunctuation = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kBloom = " ?[^(\\s|.,!?…。，、।۔،)]+";
constexpr std::string_view kKimiK2 =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)" CONTRACTION
    R"(?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)" CONTRACTION
    R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" SPACES;

struct Entry {
  std::string_view names;  ///< with spaces between them
  std::vector<std::string_view> expressions;
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;
  bool add_sep = false;
};

const std::vector<Entry>& Entries() {
  static const std::vector<Entry> entries = {
      {.names = "default gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert jais "
                "exaone4 trillion granite-docling",
       .expressions = {kGpt2}},
      {.names = "mpt olmo", .expressions = {kGpt2}, .nfc = true},
      {.names = "jina-v1-en jina-v2-code roberta-bpe", .expressions = {kGpt2}, .add_bos = true, .add_sep = true},
      {.names = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
       .expressions = {kLlama3},
       .ignore_merges = true,
       .add_bos = true},
      {.names = "dbrx smaug-bpe chatglm-bpe", .expressions = {kLlama3}},
      {.names = "glm4 glm5", .expressions = {kLlama3}, .ignore_merges = true},
      {.names = "qwen2 kormo f2llmv2", .expressions = {kQwen2}, .nfc = true},
      {.names = "qwen35", .expressions = {kQwen35}},
      {.names = "deepseek-r1-qwen stablelm2 megrez hunyuan solar-open grok-2", .expressions = {kQwen2}},
      {.names = "gpt-4o llama4 kanana2 talkie minimax-m2", .expressions = {kGpt4o}},
      {.names = "granite-embed-multi-97m", .expressions = {kGpt4o}, .ignore_merges = true},
      {.names = "tiny_aya cohere2moe", .expressions = {R"(\d{1,3}(?=(?:\d{3})*\b))", kGpt4o}},
      {.names = "tekken", .expressions = {kTekken}, .ignore_merges = true, .add_bos = true},
      {.names = "kimi-k2", .expressions = {kKimiK2}},
      {.names = "smollm starcoder refact codeshell exaone minerva-7b mellum2", .expressions = {kDigit, kGpt2}},
      {.names = "command-r", .expressions = {kDigit, kGpt2}, .nfc = true},
      {.names = "falcon", .expressions = {R"([\p{P}$+<=>^~|`]+)", kGpt2, "[0-9][0-9][0-9]"}},
      {.names = "deepseek-v3 hunyuan-dense joyai-llm hy_v4", .expressions = {kThreeDigits, kHanKana, kDeepSeek3}},
      {.names = "deepseek-llm",
       .expressions = {kNewline, kDeepSeekLlmLetters, kDeepSeekLlmPunctuation, R"(\s+$)", kHanHangul, kDigits}},
      {.names = "deepseek-coder", .expressions = {kNewline, R"(\s?\p{L}+)", R"(\s?\p{P}+)", kHanHangul, kDigit}},
      {.names = "bloom poro-chat gpt3-finnish", .expressions = {kBloom}},
      {.names = "viking", .expressions = {kBloom, kDigit}},
      {.names = "minicpm5",
       .expressions = {kThreeDigits,
                       CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*)" SPACES},
       .ignore_merges = true},
      {.names = "bailingmoe bailingmoe2 llada-moe",
       .expressions = {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*)"
                       R"(|\s*[\r\n]|\s+(?!\S)|\s+)"}},
      {.names = "seed-coder",
       .expressions = {CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+)" SPACES}},
      {.names = "exaone-moe",
       .expressions = {CONTRACTION R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"
                                   R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"}},
      {.names = "superbpe", .expressions = {kDigits, R"((?=(\d{3})+(?!\d)))"}},
      {.names = "laguna", .expressions = {R"([^\n]+|[\n]+)", kQwen2}},
  };
  return entries;
}

#undef CONTRACTION
#undef CASED_WORDS
#undef SPACES

/// Whether `name` is one of `names`.
bool Lists(std::string_view names, std::string_view name) {
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(' ', at), names.size());
    if (names.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Result<GgufWordRules> WordRulesOfGguf(std::string_view pre) {
  if (pre.empty()) pre = "default";
  const auto entry = std::ranges::find_if(Entries(), [&](const Entry& e) { return Lists(e.names, pre); });
  if (entry == Entries().end()) {
    return Fail(ErrorCode::kUnsupported, "tokenizer.ggml.pre: pre-tokenizer {} is not supported", pre);
  }
  return GgufWordRules{entry->expressions, entry->nfc, entry->ignore_merges, entry->add_bos, entry->add_sep};
}

Result<GgufWords> WordsOfGguf(std::string_view pre) {
  STRATA_TRY(const GgufWordRules rules, WordRulesOfGguf(pre));
  GgufWords words;
  if (rules.nfc) words.normalizer = MakeUnicodeForm(NormalizationForm::kNfc);
  std::vector<PreTokenizerPtr> steps;
  for (const std::string_view expression : rules.expressions) {
    STRATA_TRY(auto pattern, MakeExpression(expression));
    steps.push_back(MakeSplit(std::move(pattern), SplitBehavior::kIsolated));
  }
  words.pre_tokenizer = steps.size() == 1 ? std::move(steps.front()) : MakePreTokenizerSequence(std::move(steps));
  words.ignore_merges = rules.ignore_merges;
  words.add_bos = rules.add_bos;
  words.add_sep = rules.add_sep;
  return words;
}

}  // namespace strata::tokenizer
