// How a JSON Schema is read and written.
#pragma once

#include <cstdint>

namespace strata::grammar {

enum class KeyOrder : std::uint8_t {
  kDeclared,  ///< declared properties in the order of the schema, then others
  kAny,
};

struct JsonSchemaOptions {
  KeyOrder key_order = KeyOrder::kDeclared;
  /// White space where JSON allows it. Without: one text for every value, but for numbers and escapes.
  bool whitespace = true;
};

}  // namespace strata::grammar
