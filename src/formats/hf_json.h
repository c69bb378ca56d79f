// Inside formats: the JSON files of a Hugging Face folder, read by field; every error names file and JSON pointer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata {

/// `name` stands for the file in errors. Errors: kCorrupt "NAME: offset N: ..."; the document must be an object.
Result<nlohmann::json> ParseJsonFile(std::string_view text, const std::string& name);

/// An object of a file. A field that is null counts as absent, as transformers' configs have it.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string file, std::string pointer = "")
      : object_(&object), file_(std::move(file)), pointer_(std::move(pointer)) {}

  const nlohmann::json& json() const { return *object_; }
  /// The field's value; nullptr when absent.
  const nlohmann::json* Find(std::string_view field) const;
  /// Whether the field is written at all, be it null.
  bool Mentions(std::string_view field) const { return object_->contains(field); }

  /// nullopt when absent. Errors: kCorrupt when it is of another type.
  Result<std::optional<std::int64_t>> Integer(std::string_view field) const;
  Result<std::optional<double>> Number(std::string_view field) const;  ///< finite
  Result<std::optional<bool>> Boolean(std::string_view field) const;
  Result<std::optional<std::string>> String(std::string_view field) const;
  Result<std::optional<std::vector<double>>> Numbers(std::string_view field) const;
  Result<std::optional<std::vector<std::string>>> Strings(std::string_view field) const;
  Result<std::optional<JsonFields>> Object(std::string_view field) const;
  /// One integer or a list of them; empty when absent.
  Result<std::vector<std::int64_t>> IntegerOrList(std::string_view field) const;

  /// `return fields.Bad(ErrorCode::kCorrupt, "factor", "is {}", factor);` gives "FILE: /rope_scaling/factor: is -1".
  template <class... Args>
  std::unexpected<Error> Bad(ErrorCode code, std::string_view field, fmt::format_string<Args...> format,
                             Args&&... args) const {
    return std::unexpected(Error(
        code, fmt::format("{}: {}/{}: {}", file_, pointer_, field, fmt::format(format, std::forward<Args>(args)...))));
  }

 private:
  std::unexpected<Error> WrongType(std::string_view field, std::string_view wanted) const {
    return Bad(ErrorCode::kCorrupt, field, "must be {}, it is {}", wanted, Find(field)->type_name());
  }

  const nlohmann::json* object_;
  std::string file_, pointer_;
};

}  // namespace strata
