// Log-probabilities in the three shapes that clients know. Included by the response builders only.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "serve/response.h"

namespace strata::serve {

/// OpenAI's chat shape: {"content": [{token, logprob, bytes, top_logprobs}], "refusal": null}.
nlohmann::ordered_json ChatLogprobs(const ResponseHeader& header, std::span<const LoggedToken> tokens);

/// OpenAI's completions shape: {tokens, token_logprobs, top_logprobs, text_offset}; entries of a prompt's first token
/// are null. A token that is no whole character is written "bytes:\xe2\x82", as OpenAI does. `text_offset` in
/// characters; advanced past these tokens.
nlohmann::ordered_json CompletionLogprobs(const ResponseHeader& header, std::span<const LoggedToken> tokens,
                                          std::int64_t& text_offset);

/// vLLM's prompt_logprobs: [null, {"<id>": {logprob, rank, decoded_token}, ...}, ...].
nlohmann::ordered_json PromptLogprobs(const ResponseHeader& header, std::span<const LoggedToken> tokens);

}  // namespace strata::serve
