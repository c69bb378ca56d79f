// Conditions on documents' metadata: {"and": [{"year": {">=": 2020}}, {"team": {"in": ["law", "tax"]}}, {"not": ...}]}.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::knowledge {

class Filter {
 public:
  /// {"and"|"or": [filter, ...]}, {"not": filter}, {FIELD: {OPERATOR: value, ...}} and {FIELD: value} for equality; the
  /// members of one object must all hold. Operators: = != < <= > >= in contains exists. Values are compared as their
  /// types are: numbers, booleans, strings, dates (ISO 8601 strings on both sides). A field that is a list is accepted
  /// when one of its elements is; `contains` looks for an element of a list, or for a piece of a string. A document
  /// without the field is accepted by != and not, no other. Errors: kInvalidArgument with a JSON pointer as param.
  static Result<Filter> Parse(const nlohmann::json& json);

  /// `metadata`: an object.
  bool Accepts(const nlohmann::json& metadata) const;

  /// Equal filters have equal keys.
  const std::string& key() const { return key_; }

  struct Node;

 private:
  Filter() = default;

  std::string key_;
  std::shared_ptr<const Node> root_;
};

}  // namespace strata::knowledge
