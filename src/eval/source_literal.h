// Literals of Java and JavaScript, as far as BFCL reads them (ast_eval/type_convertor): what arguments of its java and
// javascript categories are.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "eval/bfcl_case.h"

namespace strata::eval {

/// `text` as a value of `type` ("ArrayList", with elements of `element`); a string of it where it is no such literal,
/// as in the original. `language` is Java or JavaScript.
nlohmann::ordered_json ReadSourceLiteral(Language language, const std::string& text, const std::string& type,
                                         const std::string& element);

}  // namespace strata::eval
