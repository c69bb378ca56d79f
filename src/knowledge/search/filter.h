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
  /// {"and"|"or": [filter, ...]}, {"not": filter}, {FIELD: {OPERATOR: value, ...}} and {FIELD: value} for equality.
  /// Operators: = != < <= > >= in contains exists. Values are compared as their types are: numbers, booleans, strings,
  /// dates (ISO 8601 strings on both sides). A document without the field is accepted by != and not, no other. Errors:
  /// kInvalidArgument with a JSON pointer.
  static Result<Filter> Parse(const nlohmann::json& json);

  bool Accepts(const nlohmann::json& metadata) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;
};

}  // namespace strata::knowledge
