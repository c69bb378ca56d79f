// GET and DELETE /v1/responses/{id}, GET /v1/responses/{id}/input_items: what the server keeps of responses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "serve/endpoints.h"
#include "serve/responses/response_store.h"

namespace strata::serve::responses {

/// Errors: 404 where this tenant has no such response, 400 for a parameter of the query.
Answer GetResponse(ResponseStore& store, std::int32_t tenant, const std::string& id, std::string_view query);
Answer DeleteResponse(ResponseStore& store, std::int32_t tenant, const std::string& id);
/// Pages: `limit` (1 to 100, 20), `order` (asc, desc), `after` (an item's id).
Answer ListInputItems(ResponseStore& store, std::int32_t tenant, const std::string& id, std::string_view query);

}  // namespace strata::serve::responses
