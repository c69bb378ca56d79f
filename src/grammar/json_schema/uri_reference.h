// URI references as JSON Schema's `$id` and `$ref` use them (RFC 3986, sections 5.2 and 5.3).
#pragma once

#include <string>
#include <string_view>

namespace strata::grammar {

/// The target of `reference` seen from `base`, without a fragment. `base` may be empty or relative itself, as that of a
/// schema without `$id` is; then the target is as relative.
std::string ResolveUri(std::string_view base, std::string_view reference);

/// What follows the first '#', percent-decoded; empty where there is none.
std::string UriFragment(std::string_view reference);

}  // namespace strata::grammar
