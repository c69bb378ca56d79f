// The entries "<0x00>" ... "<0xFF>" that stand for single bytes.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "formats/tokenizer/vocabulary.h"

namespace strata::tokenizer {

/// The byte that an entry spelled "<0xAB>" stands for.
std::optional<char> ByteOfToken(std::string_view text);
/// By byte; -1 where the vocabulary has none.
std::array<TokenId, 256> FindByteTokens(const Vocabulary& vocabulary);

}  // namespace strata::tokenizer
