// A request that adds documents to a base: files of a form, one file as the body, or text in JSON.
#pragma once

#include <expected>
#include <vector>

#include "knowledge/knowledge_base.h"
#include "serve/api_error.h"
#include "serve/http.h"

namespace strata::serve::knowledge {

/// multipart/form-data: parts `file` (any number), and `metadata`, `access` (JSON) and `uri` (one file only) for all of
/// them. application/json: {"text", "name", "uri", "metadata", "access"}. Any other type: the body is the file, its
/// name the query's `name`. Errors: 400 naming the part or field.
std::expected<std::vector<strata::knowledge::DocumentSource>, ApiError> ReadUpload(const HttpRequest& http);

}  // namespace strata::serve::knowledge
