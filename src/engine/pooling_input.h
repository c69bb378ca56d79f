// Texts as pooling models take them: special tokens around them, pairs, lengths, prompts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "engine/pooling_engine.h"
#include "formats/model_config.h"
#include "formats/tokenizer.h"

namespace strata {

/// A text with the special tokens of its model; those that are written in it are text. With `most` it is cut to so many
/// tokens, special ones included.
PoolingInput PoolingInputOf(const Tokenizer& tokenizer, std::string_view text, std::optional<std::int64_t> most);

/// A pair in one sequence, as a cross-encoder reads it. With `most`, the longer of the two is cut. Errors: kUnsupported
/// where the tokenizer says nothing of pairs.
Result<PoolingInput> PoolingPairOf(const Tokenizer& tokenizer, const ModelConfig& config, std::string_view first,
                                   std::string_view second, std::optional<std::int64_t> most);

/// What stands before a text: the first of these prompts that the model has, else its default one, else nothing.
std::string_view PoolingPromptOf(const PoolingConfig& config, std::span<const std::string_view> names);

/// What models call the prompts of questions, and of what is searched.
inline constexpr std::string_view kQueryPrompts[] = {"query"};
inline constexpr std::string_view kPassagePrompts[] = {"document", "passage"};

}  // namespace strata
