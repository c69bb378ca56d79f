// JSON pointers (RFC 6901).
#pragma once

#include <string>
#include <string_view>

namespace strata {

/// "/", then a member's name as a pointer writes it: "/a~1b" of "a/b".
std::string PointerToken(std::string_view name);

}  // namespace strata
