// Python's json.dumps for values.
#pragma once

#include <optional>
#include <string>

#include "formats/jinja/value.h"

namespace strata::jinja {

struct JsonOptions {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  ///< of one level; not given: all on one line
  std::string item_separator = ", ", key_separator = ": ";
};

/// Raises for values that json.dumps does not take.
std::string ToJson(const Value& value, const JsonOptions& options);

}  // namespace strata::jinja
