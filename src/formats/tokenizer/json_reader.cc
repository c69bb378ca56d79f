#include "formats/tokenizer/json_reader.h"

namespace strata::tokenizer {
namespace {

/// Deepest nesting of a document: tokenizers need about ten; what walks a document is recursive.
constexpr int kMaxDepth = 64;
const nlohmann::json kNull;

Status CheckDepth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return Fail(ErrorCode::kCorrupt, "nested deeper than {} at byte {}", kMaxDepth, i);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return {};
}

}  // namespace

Result<nlohmann::json> ParseJson(std::string_view text) {
  STRATA_CHECK(CheckDepth(text));
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    return Fail(ErrorCode::kCorrupt, "not JSON at byte {}", error.byte);
  } catch (const nlohmann::json::exception& error) {
    return Fail(ErrorCode::kCorrupt, "not JSON: {}", error.what());
  }
}

Result<JsonPlace> JsonPlace::Field(std::string_view name) const {
  if (!value_->is_object()) return Corrupt("an object is expected");
  const auto found = value_->find(name);
  return JsonPlace(found == value_->end() ? kNull : *found, pointer_ + "/" + std::string(name));
}

Result<std::string> JsonPlace::Type() const {
  STRATA_TRY(const JsonPlace type, Field("type"));
  return type.String();
}

Result<std::vector<JsonPlace>> JsonPlace::Items() const {
  if (!value_->is_array()) return Corrupt("a list is expected");
  std::vector<JsonPlace> items;
  items.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    items.emplace_back((*value_)[i], pointer_ + "/" + std::to_string(i));
  }
  return items;
}

Result<std::string> JsonPlace::String() const {
  if (!value_->is_string()) return Corrupt(is_null() ? "is missing" : "a string is expected");
  return value_->get_ref<const std::string&>();
}
Result<double> JsonPlace::Number() const {
  if (!value_->is_number()) return Corrupt(is_null() ? "is missing" : "a number is expected");
  return value_->get<double>();
}
Result<std::int64_t> JsonPlace::Integer() const {
  if (!value_->is_number_integer()) return Corrupt(is_null() ? "is missing" : "an integer is expected");
  return value_->get<std::int64_t>();
}
Result<bool> JsonPlace::Bool() const {
  if (!value_->is_boolean()) return Corrupt(is_null() ? "is missing" : "true or false is expected");
  return value_->get<bool>();
}

Result<std::string> JsonPlace::StringOr(std::string_view name, std::string_view otherwise) const {
  STRATA_TRY(const JsonPlace field, Field(name));
  if (field.is_null()) return std::string(otherwise);
  return field.String();
}
Result<bool> JsonPlace::BoolOr(std::string_view name, bool otherwise) const {
  STRATA_TRY(const JsonPlace field, Field(name));
  if (field.is_null()) return otherwise;
  return field.Bool();
}
Result<std::int64_t> JsonPlace::IntegerOr(std::string_view name, std::int64_t otherwise) const {
  STRATA_TRY(const JsonPlace field, Field(name));
  if (field.is_null()) return otherwise;
  return field.Integer();
}

}  // namespace strata::tokenizer
