// Arrays and objects of one conjunction of rules, with everything worked out that does not depend on a text: what each
// item and each property has to satisfy. The values of an obligation are a union of such plans.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "grammar/json_schema/obligations.h"
#include "grammar/regex.h"

namespace strata::grammar {

using PlanId = std::uint32_t;

struct ArrayPlan {
  std::vector<ObligationId> prefix;
  ObligationId rest = kAnyValue;  ///< of the items after the prefix
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;

  /// Of the items from `from` on, `min` to `max` satisfy `value`.
  struct Contained {
    ObligationId value = kAnyValue;
    ObligationId unlike = kNoValue;  ///< what those satisfy that do not satisfy `value`
    std::uint32_t from = 0;
    std::uint32_t min = 0;
    std::uint32_t max = kUnbounded;
    auto operator<=>(const Contained&) const = default;
  };
  std::vector<Contained> contained;

  /// No two items are equal. Then every item is one of `candidates`, at most kMaxCandidates constants.
  bool unique = false;
  std::vector<SchemaId> candidates;

  ObligationId ItemAt(std::uint32_t index) const { return index < prefix.size() ? prefix[index] : rest; }
};
inline constexpr std::size_t kMaxCandidates = 64;
inline constexpr std::size_t kMaxContained = 4;

struct ObjectPlan {
  struct Property {
    std::string name;
    ObligationId value = kAnyValue;
    bool required = false;
    std::uint32_t witnesses = 0;  ///< a bit for each of the plan's witnesses that the name may be
  };
  /// First those that the schema declares, in the order in which they are to be written; then those that it only names.
  std::vector<Property> properties;
  std::uint32_t declared = 0;  ///< so many are declared

  /// Other names, by what their values have to satisfy; no name is in two of them.
  struct NameClass {
    RegexId names = RegexStore::kNothing;
    ObligationId value = kAnyValue;
    std::uint32_t witnesses = 0;
  };
  std::vector<NameClass> others;

  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
  /// For each: some property, of the names marked with it, satisfies the obligation.
  std::vector<ObligationId> witnesses;
};
inline constexpr std::size_t kMaxWitnesses = 4;
inline constexpr std::size_t kMaxNameClasses = 64;

/// Whether an obligation has a value.
using HasValue = std::function<bool(ObligationId)>;

}  // namespace strata::grammar
