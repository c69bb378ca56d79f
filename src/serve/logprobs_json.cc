#include "serve/logprobs_json.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/unicode.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no -inf; vLLM reports this.
constexpr float kLowest = -9999;
double Finite(float logprob) { return std::max(logprob, kLowest); }

std::string TokenName(const ResponseHeader& header, TokenId token) {
  if (header.tokens_as_ids) return fmt::format("token_id:{}", token);
  const std::string_view bytes = header.tokenizer->TokenBytes(token);
  return IsValidUtf8(bytes) ? std::string(bytes) : ReplaceInvalidUtf8(bytes);
}

/// Unlike TokenName, different for different bytes: these are keys.
std::string UniqueTokenName(const ResponseHeader& header, TokenId token) {
  const std::string_view bytes = header.tokenizer->TokenBytes(token);
  if (header.tokens_as_ids || IsValidUtf8(bytes)) return TokenName(header, token);
  std::string name = "bytes:";
  for (const char c : bytes) name += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return name;
}

Json Bytes(const ResponseHeader& header, TokenId token) {
  Json bytes = Json::array();
  for (const char c : header.tokenizer->TokenBytes(token)) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

Json ChatEntry(const ResponseHeader& header, TokenId token, double logprob) {
  return {{"token", TokenName(header, token)}, {"logprob", logprob}, {"bytes", Bytes(header, token)}};
}

std::int64_t Characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

}  // namespace

Json ChatLogprobs(const ResponseHeader& header, std::span<const LoggedToken> tokens) {
  Json content = Json::array();
  for (const LoggedToken& token : tokens) {
    if (!token.logprobs) continue;
    Json entry = ChatEntry(header, token.token, Finite(token.logprobs->chosen.logprob));
    Json top = Json::array();
    for (const TokenLogprob& other : token.logprobs->top) {
      top.push_back(ChatEntry(header, other.token, Finite(other.logprob)));
    }
    entry["top_logprobs"] = std::move(top);
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json CompletionLogprobs(const ResponseHeader& header, std::span<const LoggedToken> tokens, std::int64_t& text_offset) {
  Json names = Json::array(), logprobs = Json::array(), tops = Json::array(), offsets = Json::array();
  for (const LoggedToken& token : tokens) {
    const std::string name = UniqueTokenName(header, token.token);
    offsets.push_back(text_offset);
    text_offset += Characters(TokenName(header, token.token));
    names.push_back(name);
    if (!token.logprobs) {
      logprobs.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    logprobs.push_back(Finite(token.logprobs->chosen.logprob));
    Json top = Json::object();
    for (const TokenLogprob& other : token.logprobs->top) {
      top[UniqueTokenName(header, other.token)] = Finite(other.logprob);
    }
    top[name] = Finite(token.logprobs->chosen.logprob);
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(names)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

Json PromptLogprobs(const ResponseHeader& header, std::span<const LoggedToken> tokens) {
  Json all = Json::array();
  for (const LoggedToken& token : tokens) {
    if (!token.logprobs) {
      all.push_back(nullptr);
      continue;
    }
    Json entry = Json::object();
    const auto add = [&](const TokenLogprob& one) {
      entry[std::to_string(one.token)] = {
          {"logprob", Finite(one.logprob)}, {"rank", one.rank}, {"decoded_token", TokenName(header, one.token)}};
    };
    add(token.logprobs->chosen);
    for (const TokenLogprob& other : token.logprobs->top) add(other);
    all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace strata::serve
