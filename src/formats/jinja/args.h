// Arguments of filters, tests and methods, read as Python would bind them.
#pragma once

#include <string>
#include <string_view>

#include "formats/jinja/value.h"

namespace strata::jinja {

/// Raises when there are more positional arguments than `parameters` (names parted by spaces), a keyword that is none
/// of them, or one given twice. A parameter list that ends in "*" takes anything further.
void CheckArguments(std::string_view function, std::string_view parameters, const CallArgs& args);

/// The argument, or the default when it is not given. Integer and Text take none for the default, too.
bool Flag(const CallArgs& args, std::size_t index, std::string_view name, bool fallback = false);
std::int64_t Integer(const CallArgs& args, std::size_t index, std::string_view name, std::int64_t fallback);
std::string Text(const CallArgs& args, std::size_t index, std::string_view name, std::string fallback);
/// The argument; raises when it is not given.
const Value& Needed(const CallArgs& args, std::size_t index, std::string_view name);

}  // namespace strata::jinja
