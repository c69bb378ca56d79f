// What a writer makes of a query before it is searched.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "knowledge/models.h"

namespace strata::knowledge {

/// The last question of a conversation, so that it can be understood without it ("and in winter?" names what). The
/// query itself where the writer says nothing.
Result<std::string> StandaloneQuery(Writer& writer, std::span<const Writer::Message> conversation,
                                    const std::string& query);

/// Up to `count` other wordings.
Result<std::vector<std::string>> OtherWordings(Writer& writer, const std::string& query, int count);

/// A short passage as a document that answers the query might have it (Gao et al. 2022, "Precise Zero-Shot Dense
/// Retrieval without Relevance Labels"). Right or wrong: only its vector is used.
Result<std::string> HypotheticalPassage(Writer& writer, const std::string& query);

}  // namespace strata::knowledge
