// What a value has to satisfy: a set of schemas that must hold or must not, as an id. Equal sets have equal ids, so
// that the same question is asked once, and recursion comes back to where it was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "grammar/json_schema/scalar_sets.h"
#include "grammar/json_schema/schema_document.h"

namespace strata::grammar {

using ObligationId = std::uint32_t;
inline constexpr ObligationId kAnyValue = 0;
inline constexpr ObligationId kNoValue = 1;

class Obligations {
 public:
  Obligations(SchemaDocument& document, ScalarSets& scalars);

  /// Sees through references and double negations; where only listed scalars are allowed, it is the list of those that
  /// satisfy everything. Errors: those of SchemaDocument::Get; kUnsupported where more than
  /// `kMaxObligations` are needed.
  Result<ObligationId> Make(std::span<const Literal> literals);
  Result<ObligationId> Make(std::initializer_list<Literal> literals) {
    return Make(std::span(literals.begin(), literals.size()));
  }
  Result<ObligationId> And(ObligationId a, ObligationId b);

  /// Sorted. Of kAnyValue and kNoValue: none.
  std::span<const Literal> literals(ObligationId id) const { return *sets_[id]; }
  std::size_t size() const { return sets_.size(); }
  static constexpr std::size_t kMaxObligations = 50'000;

 private:
  /// False where no value can satisfy it. `path`: the schemas that led here.
  Result<bool> Flatten(Literal literal, std::vector<SchemaId>& path, std::vector<Literal>& out);

  Result<ObligationId> Intern(std::vector<Literal> set);
  /// The set as a list of scalars, where it is one.
  Result<std::optional<SchemaId>> AsList(std::span<const Literal> set);

  SchemaDocument& document_;
  ScalarSets& scalars_;
  std::map<std::vector<Literal>, ObligationId> ids_;
  std::vector<const std::vector<Literal>*> sets_;
};

}  // namespace strata::grammar
