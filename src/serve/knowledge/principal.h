// Who asks a knowledge base: what the API key says, and what a trusted client says in its place.
#pragma once

#include <expected>
#include <string>

#include <nlohmann/json.hpp>

#include "knowledge/types.h"
#include "serve/api_error.h"
#include "serve/server.h"

namespace strata::serve::knowledge {

using strata::knowledge::Access;
using strata::knowledge::Principal;

/// Of a request's API key; without keys, and for a key that is nobody's in particular, somebody who sees everything.
Principal PrincipalOf(const ServerOptions& options, std::int32_t tenant);

/// `asked`: the request's principal, {"user", "groups", "labels"}; null: the key's own. Errors: 403 for a key that is
/// somebody's, as it would be a way to see more; 400 naming the member.
std::expected<Principal, ApiError> ActingAs(const Principal& key, const nlohmann::ordered_json& asked,
                                            const std::string& path);

/// {"users", "groups", "labels"}. Errors: kInvalidArgument naming the member.
Result<Access> ReadAccess(const nlohmann::ordered_json& json, const std::string& path);
nlohmann::ordered_json AccessJson(const Access& access);

}  // namespace strata::serve::knowledge
