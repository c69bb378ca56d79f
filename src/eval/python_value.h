// JSON values as Python sees them: BFCL's checker is written in it, and compares by its types and its ==.
#pragma once

#include <cstdint>

#include <nlohmann/json.hpp>

namespace strata::eval {

enum class PythonType : std::uint8_t { kNone, kBool, kInt, kFloat, kStr, kList, kDict };

/// type(value) of json.loads.
PythonType TypeOf(const nlohmann::ordered_json& value);

/// a == b: numbers by value (True is 1), objects whatever the order of their members.
bool PythonEquals(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace strata::eval
