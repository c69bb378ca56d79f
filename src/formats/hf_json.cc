#include "formats/hf_json.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata {
namespace {

std::optional<std::int64_t> ToInteger(const nlohmann::json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return value.get<std::int64_t>();
}

}  // namespace

Result<nlohmann::json> ParseJsonFile(std::string_view text, const std::string& name) {
  // The parser takes a zero byte for the end of its input.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos)
    return Fail(ErrorCode::kCorrupt, "{}: offset {}: a zero byte", name, zero);
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    return Fail(ErrorCode::kCorrupt, "{}: offset {}: {}", name, std::max<std::size_t>(error.byte, 1) - 1, error.what());
  } catch (const nlohmann::json::exception& error) {  // a number beyond a double's range
    return Fail(ErrorCode::kCorrupt, "{}: {}", name, error.what());
  }
  if (!document.is_object())
    return Fail(ErrorCode::kCorrupt, "{}: must be an object, it is {}", name, document.type_name());
  return document;
}

const nlohmann::json* JsonFields::Find(std::string_view field) const {
  const auto found = object_->find(field);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

Result<std::optional<std::int64_t>> JsonFields::Integer(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<std::int64_t>();
  const auto integer = ToInteger(*value);
  if (!integer) return WrongType(field, "an integer");
  return integer;
}

Result<std::optional<double>> JsonFields::Number(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number() || !std::isfinite(value->get<double>())) return WrongType(field, "a finite number");
  return value->get<double>();
}

Result<std::optional<bool>> JsonFields::Boolean(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_boolean()) return WrongType(field, "true or false");
  return value->get<bool>();
}

Result<std::optional<std::string>> JsonFields::String(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return WrongType(field, "a string");
  return value->get<std::string>();
}

Result<std::optional<std::vector<double>>> JsonFields::Numbers(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<std::vector<double>>();
  if (!value->is_array()) return WrongType(field, "a list of numbers");
  std::vector<double> numbers;
  for (const nlohmann::json& element : *value) {
    if (!element.is_number() || !std::isfinite(element.get<double>()))
      return Bad(ErrorCode::kCorrupt, field, "must be a list of finite numbers");
    numbers.push_back(element.get<double>());
  }
  return numbers;
}

Result<std::optional<std::vector<std::string>>> JsonFields::Strings(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<std::vector<std::string>>();
  if (!value->is_array() || !std::ranges::all_of(*value, &nlohmann::json::is_string)) {
    return WrongType(field, "a list of strings");
  }
  return value->get<std::vector<std::string>>();
}

Result<std::optional<JsonFields>> JsonFields::Object(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::optional<JsonFields>();
  if (!value->is_object()) return WrongType(field, "an object");
  return JsonFields(*value, file_, fmt::format("{}/{}", pointer_, field));
}

Result<std::vector<std::int64_t>> JsonFields::IntegerOrList(std::string_view field) const {
  const nlohmann::json* value = Find(field);
  std::vector<std::int64_t> integers;
  if (value == nullptr) return integers;
  const auto add = [&](const nlohmann::json& element) {
    const auto integer = ToInteger(element);
    if (integer) integers.push_back(*integer);
    return integer.has_value();
  };
  const bool good = value->is_array() ? std::ranges::all_of(*value, add) : add(*value);
  if (!good) return WrongType(field, "an integer or a list of integers");
  return integers;
}

}  // namespace strata
