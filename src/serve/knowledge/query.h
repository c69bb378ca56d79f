// What a request asks of a base: a search, or an answer out of one.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "knowledge/answer/answerer.h"
#include "serve/api_error.h"
#include "serve/field_table.h"
#include "serve/knowledge/principal.h"

namespace strata::serve::knowledge {

/// Whose request it is.
struct Asker {
  Principal principal;
  std::int32_t tenant = 0;
};

struct Query {
  std::string base;
  strata::knowledge::AnswerRequest ask;  ///< of a search, its `search` alone counts
  std::int32_t tenant = 0;
  bool stream = false;
};

/// The objects that .../search and .../answer take. Errors: 400 and 403 naming the field.
std::expected<Query, ApiError> ReadSearchQuery(const Json& fields, const Asker& asker, const std::string& base);
std::expected<Query, ApiError> ReadAnswerQuery(const Json& fields, const Asker& asker, const std::string& base);

/// The `knowledge` of a chat, without question, conversation, max_tokens, temperature and stream, which the chat has.
std::expected<Query, ApiError> ReadChatKnowledge(const Json& knowledge, const Asker& asker);

}  // namespace strata::serve::knowledge
