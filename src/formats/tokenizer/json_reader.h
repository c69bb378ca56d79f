// A place in a JSON document that knows its pointer, so that every error can name it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::tokenizer {

class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string pointer) : value_(&value), pointer_(std::move(pointer)) {}

  const nlohmann::json& value() const { return *value_; }
  bool is_null() const { return value_->is_null(); }
  const std::string& pointer() const { return pointer_; }

  std::unexpected<Error> Corrupt(std::string_view what) const {
    return Fail(ErrorCode::kCorrupt, "{}: {}", Name(), what);
  }
  std::unexpected<Error> Unsupported(std::string_view what) const {
    return Fail(ErrorCode::kUnsupported, "{}: {}", Name(), what);
  }

  /// The field `name`; null for one that is missing. Errors: kCorrupt when this is no object.
  Result<JsonPlace> Field(std::string_view name) const;
  /// The field's "type". Errors: kCorrupt.
  Result<std::string> Type() const;
  Result<std::vector<JsonPlace>> Items() const;

  Result<std::string> String() const;
  Result<double> Number() const;
  Result<std::int64_t> Integer() const;
  Result<bool> Bool() const;

  /// A field that may be missing or null.
  Result<std::string> StringOr(std::string_view name, std::string_view otherwise) const;
  Result<bool> BoolOr(std::string_view name, bool otherwise) const;
  Result<std::int64_t> IntegerOr(std::string_view name, std::int64_t otherwise) const;

 private:
  std::string Name() const { return pointer_.empty() ? "/" : pointer_; }
  const nlohmann::json* value_;
  std::string pointer_;
};

/// Parses a document of limited depth. Errors: kCorrupt with the byte.
Result<nlohmann::json> ParseJson(std::string_view text);

}  // namespace strata::tokenizer
