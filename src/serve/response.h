// The JSON of responses and of stream chunks, from plain data. Fields as in OpenAI's openapi.json, with vLLM's
// extensions (stop_reason, token_ids, prompt_logprobs, prompt_token_ids) where the request asks for them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "serve/choice.h"

namespace strata::serve {

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;     ///< of the prompt tokens
  std::int64_t reasoning_tokens = 0;  ///< of the completion tokens

  Usage& operator+=(const Usage& other);
};
nlohmann::ordered_json UsageJson(const Usage& usage);

/// How a chunk speaks of usage: not at all, as null (it comes with the last chunk), or as it stands now.
struct UsageField {
  bool present = false;
  std::optional<Usage> value = std::nullopt;
};

/// What every chunk and response of one request carries.
struct ResponseHeader {
  std::string id;
  std::int64_t created = 0;  ///< Unix seconds
  std::string model;
  std::string fingerprint;
  const Tokenizer* tokenizer = nullptr;
  bool tokens_as_ids = false;  ///< "token_id:123" in the place of a token's text
  bool return_token_ids = false;
  bool logprobs = false;         ///< asked for
  bool prompt_logprobs = false;  ///< vLLM's field of its own
};

/// Chat. The first chunk of a choice has the role and empty content.
std::string ChatRoleChunk(const ResponseHeader& header, int index, const UsageField& usage);
std::string ChatChunk(const ResponseHeader& header, const ChoiceDelta& delta, const UsageField& usage);
std::string ChatUsageChunk(const ResponseHeader& header, const Usage& usage);
std::string ChatResponse(const ResponseHeader& header, std::span<const ChoiceDelta> choices, const Usage& usage);

/// Completions. `text_offset` is the length, in characters, of the choice's earlier token texts; it is advanced.
std::string CompletionChunk(const ResponseHeader& header, const ChoiceDelta& delta, std::int64_t& text_offset,
                            const UsageField& usage);
std::string CompletionUsageChunk(const ResponseHeader& header, const Usage& usage);
std::string CompletionResponse(const ResponseHeader& header, std::span<const ChoiceDelta> choices, const Usage& usage);

}  // namespace strata::serve
