// Texts and token ids as a pooling model takes them: special tokens around them, pairs, lengths.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pooling_engine.h"
#include "serve/api_error.h"
#include "serve/request.h"
#include "serve/state.h"

namespace strata::serve::pooling {

/// How long an input may be, and where it comes from.
struct InputLimits {
  std::optional<std::int64_t> truncate;  ///< truncate_prompt_tokens
  bool add_special_tokens = true;
};

/// Errors: 400, param `field` ("input[3]"): no tokens, more than the context, a token outside of the vocabulary.
/// Special tokens that are written in a text are text.
std::expected<PoolingInput, ApiError> MakeInput(const PoolingModel& model, const PromptInput& input,
                                                std::string_view prompt, const InputLimits& limits,
                                                const std::string& field);

/// A pair in one sequence, as a cross-encoder reads it; of what is too long, the longer text is cut. Errors: as above;
/// 400 where the tokenizer says nothing of pairs.
std::expected<PoolingInput, ApiError> MakePair(const PoolingModel& model, std::string_view first,
                                               std::string_view second, const InputLimits& limits,
                                               const std::string& field);

}  // namespace strata::serve::pooling
