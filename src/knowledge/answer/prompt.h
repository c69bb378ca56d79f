// What the model is asked: the sources, then the question, so that questions about the same sources share the prompt's
// beginning, and with it the KV cache.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/answer/answerer.h"
#include "knowledge/models.h"

namespace strata::knowledge {

/// Numbered by URI and place, not by score: the same passages give the same prompt whatever was asked, and in whatever
/// order the documents came into the base.
std::vector<Source> NumberSources(std::vector<Passage> passages);

/// A system message with the rules and one of the user's: each source between <source id="1" ...> and </source>, and
/// the question. Text of documents cannot have these delimiters nor markers, and no invisible characters (Material).
std::vector<Writer::Message> AnswerPrompt(std::span<const Source> sources, std::string_view question);

/// Text of a document as it may stand in a prompt: what looks like a delimiter of sources loses its angle bracket,
/// markers stand in round brackets, zero-width characters, direction marks and tags (U+E0000) are dropped.
std::string Material(std::string_view text);

}  // namespace strata::knowledge
