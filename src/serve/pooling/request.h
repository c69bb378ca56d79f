// Bodies of /v1/embeddings, /v1/rerank and /score as plain data, by tables of fields as request.h describes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/request.h"

namespace strata::serve::pooling {

/// What the three have in common.
struct Common {
  std::string model;
  /// Keep the first so many tokens of a text (or of both of a pair), special ones included; -1 = as many as fit.
  std::optional<std::int64_t> truncate_prompt_tokens;
};

struct EmbeddingRequest {
  Common common;
  std::vector<PromptInput> inputs;  ///< not empty
  bool base64 = false;
  std::optional<std::int64_t> dimensions;
  std::optional<bool> normalize;  ///< else as the model says
  bool add_special_tokens = true;
  std::optional<std::string> prompt_name;  ///< of the model's prompts; "" = none
};

struct RerankRequest {
  Common common;
  std::string query;
  std::vector<std::string> documents;  ///< not empty
  std::optional<std::int64_t> top_n;
  bool return_documents = true;
};

/// Pair i is of first[i], or of first[0] where there is one only, and second[i].
struct ScoreRequest {
  Common common;
  std::vector<std::string> first, second;
};

/// Errors: kInvalidArgument and kUnsupported with the field's path as param.
Result<EmbeddingRequest> ParseEmbeddingRequest(std::string_view body);
Result<RerankRequest> ParseRerankRequest(std::string_view body);
Result<ScoreRequest> ParseScoreRequest(std::string_view body);

}  // namespace strata::serve::pooling
