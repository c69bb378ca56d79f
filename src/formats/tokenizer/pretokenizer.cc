#include "formats/tokenizer/pretokenizer.h"

#include <map>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace strata::tokenizer {

struct Pretokenizer::Regex {
  explicit Regex(pcre2_code* compiled) : code(compiled) {}
  ~Regex() { pcre2_code_free(code); }
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  pcre2_code* code;
};

namespace {

/// One for each thread: match data may not be shared, and making it for every text would cost more than a short match.
pcre2_match_data* MatchData() {
  struct Holder {
    pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
    ~Holder() { pcre2_match_data_free(data); }
  };
  thread_local Holder holder;
  return holder.data;
}

constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kDeepSeek3Words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Source: the pre_tokenizer of each publisher's tokenizer.json.
const std::map<std::string, std::vector<std::string>, std::less<>>& GgufExpressions() {
  static const std::vector<std::string> gpt2 = {kGpt2}, llama3 = {kLlama3}, qwen2 = {kQwen2};
  static const std::vector<std::string> digits_then_gpt2 = {R"(\p{N})", kGpt2};
  static const std::vector<std::string> deepseek3 = {R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)", kDeepSeek3Words};
  static const std::map<std::string, std::vector<std::string>, std::less<>> all = {
      {"", gpt2},
      {"default", gpt2},
      {"gpt-2", gpt2},
      {"mpt", gpt2},
      {"olmo", gpt2},
      {"phi-2", gpt2},
      {"jina-v1-en", gpt2},
      {"roberta-bpe", gpt2},
      {"llama3", llama3},
      {"llama-v3", llama3},
      {"llama-bpe", llama3},
      {"smaug-bpe", llama3},
      {"dbrx", llama3},
      {"falcon3", llama3},
      {"qwen2", qwen2},
      {"deepseek-r1-qwen", qwen2},
      {"stablelm2", qwen2},
      {"smollm", digits_then_gpt2},
      {"starcoder", digits_then_gpt2},
      {"refact", digits_then_gpt2},
      {"command-r", digits_then_gpt2},
      {"codeshell", digits_then_gpt2},
      {"deepseek-v3", deepseek3},
  };
  return all;
}

}  // namespace

Result<Pretokenizer> Pretokenizer::Make(const std::vector<std::string>& expressions) {
  Pretokenizer made;
  for (const std::string& expression : expressions) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &offset, nullptr);
    if (code == nullptr) {
      char message[256] = {};
      pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof(message));
      return Fail(ErrorCode::kUnsupported, "pre-tokenizer expression: {} at offset {}", message, offset);
    }
    made.regexes_.push_back(std::make_shared<const Regex>(code));
    // Without a JIT (a hardened kernel) PCRE2 interprets: slower, the same result.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  }
  return made;
}

Result<Pretokenizer> Pretokenizer::ForGguf(std::string_view pre) {
  const auto found = GgufExpressions().find(pre);
  if (found == GgufExpressions().end()) {
    return Fail(ErrorCode::kUnsupported, "tokenizer.ggml.pre: pre-tokenizer {} is not supported", pre);
  }
  return Make(found->second);
}

void Pretokenizer::Split(std::string_view text, const std::function<void(std::string_view)>& word) const {
  SplitFrom(0, text, word);
}

void Pretokenizer::SplitFrom(std::size_t expression, std::string_view text,
                             const std::function<void(std::string_view)>& word) const {
  if (text.empty()) return;
  if (expression == regexes_.size()) return word(text);
  pcre2_match_data* data = MatchData();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  std::vector<std::pair<std::size_t, std::size_t>> pieces;  // the match data is used again by the next expression
  std::size_t at = 0;
  while (at < text.size()) {
    const int matched =
        pcre2_match(regexes_[expression]->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, data, nullptr);
    if (matched < 1) break;
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data);
    if (bounds[1] == bounds[0]) break;  // an expression that matches nothing splits nothing
    if (bounds[0] > at) pieces.emplace_back(at, bounds[0]);
    pieces.emplace_back(bounds[0], bounds[1]);
    at = bounds[1];
  }
  if (at < text.size()) pieces.emplace_back(at, text.size());
  for (const auto& [begin, end] : pieces) SplitFrom(expression + 1, text.substr(begin, end - begin), word);
}

}  // namespace strata::tokenizer
