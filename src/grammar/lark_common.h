// The terminals that Lark grammars import: %import common.NAME.
#pragma once

#include <optional>
#include <string_view>

namespace strata::grammar {

/// As a regular expression for ParsePattern; nullopt where Lark's common.lark has no such terminal.
std::optional<std::string_view> LarkCommonTerminal(std::string_view name);

}  // namespace strata::grammar
