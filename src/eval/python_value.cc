#include "eval/python_value.h"

#include <algorithm>

namespace strata::eval {
namespace {

using Json = nlohmann::ordered_json;

bool IsNumber(PythonType type) {
  return type == PythonType::kBool || type == PythonType::kInt || type == PythonType::kFloat;
}

bool NumbersEqual(const Json& a, const Json& b) {
  const auto as_integer = [](const Json& value) {
    return value.is_boolean() ? Json(value.get<bool>() ? 1 : 0) : value;
  };
  return as_integer(a) == as_integer(b);
}

}  // namespace

PythonType TypeOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::boolean:
      return PythonType::kBool;
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return PythonType::kInt;
    case Json::value_t::number_float:
      return PythonType::kFloat;
    case Json::value_t::string:
      return PythonType::kStr;
    case Json::value_t::array:
      return PythonType::kList;
    case Json::value_t::object:
      return PythonType::kDict;
    default:
      return PythonType::kNone;
  }
}

bool PythonEquals(const Json& a, const Json& b) {
  const PythonType type = TypeOf(a);
  if (IsNumber(type) && IsNumber(TypeOf(b))) return NumbersEqual(a, b);
  if (type != TypeOf(b)) return false;
  if (type == PythonType::kList) return std::ranges::equal(a, b, PythonEquals);
  if (type != PythonType::kDict) return a == b;
  return a.size() == b.size() && std::ranges::all_of(a.items(), [&](const auto& member) {
           const auto other = b.find(member.key());
           return other != b.end() && PythonEquals(member.value(), *other);
         });
}

}  // namespace strata::eval
