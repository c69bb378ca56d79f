// The tables of methods, by the type they belong to.
#pragma once

#include <map>
#include <string>

#include "formats/jinja/interpreter.h"

namespace strata::jinja {

/// `parameters` as of Filter; Python takes most by position only, here keywords do as well.
struct Method {
  Value (*function)(Interpreter&, const Value& self, CallArgs&);
  std::string_view parameters;
};
using MethodTable = std::map<std::string, Method, std::less<>>;
const MethodTable& TextMethods();

}  // namespace strata::jinja
