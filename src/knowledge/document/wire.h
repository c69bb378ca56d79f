// Parsed documents as bytes, between the child that parses and the process that asked for it, which trusts none of
// them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/document/document.h"

namespace strata::knowledge {

/// Sent before the answer, for each page whose text was recognised: the parser is alive.
inline constexpr char kPageRead = '.';

/// Documents or an error, whole: magic, length, hash, then the fields in the order of document.h.
std::string EncodeParseResult(const Result<std::vector<ParsedDocument>>& result);

/// Errors: the one that was sent; kCorrupt for bytes that EncodeParseResult does not make. What comes back holds
/// document.h's promises: UTF-8, spans in order inside the text and at characters' borders.
Result<std::vector<ParsedDocument>> DecodeParseResult(std::string_view bytes);

}  // namespace strata::knowledge
