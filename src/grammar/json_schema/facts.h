// What one branch of a schema says about arrays or objects, gathered rule by rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/json_schema/schema.h"

namespace strata::grammar {

struct ArrayFacts {
  struct Items {
    std::uint32_t from = 0;
    std::uint32_t to = kUnbounded;
    Literal literal;
  };
  /// Of the items from `from` on, `min` to `max` are so.
  struct Contained {
    Literal literal;
    std::uint32_t from = 0;
    std::uint32_t min = 0;
    std::uint32_t max = kUnbounded;
  };
  std::vector<Items> items;
  std::vector<Contained> contained;
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
  const std::string* unique = nullptr;  ///< the pointer of the schema that asks for unique items
};

/// Names: those in one of the lists and those matching a pattern; or, where `complement`, all others.
struct NameSet {
  std::vector<const std::vector<std::string>*> lists;
  std::vector<const PropertiesRule*> properties;  ///< their names
  std::vector<RegexId> patterns;
  bool complement = false;
};

struct ObjectFacts {
  /// The value of every property with a name of the set is so.
  struct Named {
    NameSet names;
    Literal literal;
  };
  struct Single {
    std::string_view name;
    Literal literal;
  };
  std::vector<const PropertiesRule*> properties;
  std::vector<Single> singles;
  std::vector<Named> named;
  std::vector<Named> witnesses;  ///< for each, some property is so
  std::vector<RegexId> names;    ///< every name is of all of these
  std::vector<std::string_view> required;
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
};

}  // namespace strata::grammar
