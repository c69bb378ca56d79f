#include <cmath>

#include "engine/engine.h"

namespace strata {
namespace {

template <class... Args>
Status Refuse(std::string param, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(
      Error(ErrorCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)).WithParam(std::move(param)));
}

Status InRange(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return {};  // NaN is in no range
  return Refuse(name, "{} must be in [{}, {}], it is {}", name, low, high, value);
}

}  // namespace

Status SamplingParams::Validate(std::int64_t vocab) const {
  STRATA_CHECK(InRange("temperature", temperature, 0, 2));
  STRATA_CHECK(InRange("min_p", min_p, 0, 1));
  STRATA_CHECK(InRange("presence_penalty", presence_penalty, -2, 2));
  STRATA_CHECK(InRange("frequency_penalty", frequency_penalty, -2, 2));
  if (!(top_p > 0 && top_p <= 1)) return Refuse("top_p", "top_p must be in (0, 1], it is {}", top_p);
  if (top_k < -1) return Refuse("top_k", "top_k must be -1, 0 (off) or positive, it is {}", top_k);
  if (!(repetition_penalty > 0 && std::isfinite(repetition_penalty))) {
    return Refuse("repetition_penalty", "repetition_penalty must be positive, it is {}", repetition_penalty);
  }
  if (max_tokens < 0 || (max_tokens == 0 && !prompt_logprobs)) {
    return Refuse("max_tokens", "max_tokens must be at least 1 (0 is for prompt logprobs alone), it is {}", max_tokens);
  }
  if (min_tokens < 0 || min_tokens > max_tokens) {
    return Refuse("min_tokens", "min_tokens must be in [0, max_tokens = {}], it is {}", max_tokens, min_tokens);
  }
  if (logprobs && *logprobs < 0) return Refuse("logprobs", "logprobs must not be negative");
  if (prompt_logprobs && *prompt_logprobs < 0) return Refuse("prompt_logprobs", "prompt_logprobs must not be negative");
  const auto known = [&](TokenId token) { return token >= 0 && token < vocab; };
  for (const auto& [token, bias] : logit_bias) {
    if (!known(token)) return Refuse("logit_bias", "logit_bias: token {} is not in [0, {})", token, vocab);
    STRATA_CHECK(InRange("logit_bias", static_cast<double>(bias), -100, 100));
  }
  for (const TokenId token : stop_token_ids) {
    if (!known(token)) return Refuse("stop_token_ids", "stop_token_ids: token {} is not in [0, {})", token, vocab);
  }
  for (const TokenId token : allowed_token_ids) {
    if (!known(token))
      return Refuse("allowed_token_ids", "allowed_token_ids: token {} is not in [0, {})", token, vocab);
  }
  return {};
}

}  // namespace strata
