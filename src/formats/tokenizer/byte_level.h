// GPT-2's way to write bytes as visible characters: vocabulary entries and merges are spelled in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strata::tokenizer {

/// "Ġthe" -> " the". Nothing when a character is none of the alphabet (an added token, say).
std::optional<std::string> BytesFromByteLevel(std::string_view text);
/// " the" -> "Ġthe".
std::string ByteLevelFromBytes(std::string_view bytes);

}  // namespace strata::tokenizer
