// The values of a schema that are no arrays or objects: which literals, and which strings and numbers as regular
// languages. Boolean combinations of schemas are those of the sets, exactly.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "grammar/json_schema/json_schema.h"
#include "grammar/json_schema/schema_document.h"
#include "grammar/pattern_reading.h"
#include "grammar/regex.h"

namespace strata::grammar {

/// What a schema says about whole kinds of values. Literals are always decided.
struct Verdict {
  Kinds none = 0;  ///< no value of these kinds satisfies it
  Kinds all = 0;   ///< every value of these kinds does
};

class ScalarSets {
 public:
  ScalarSets(SchemaDocument& document, RegexStore& store) : document_(document), store_(store) {}

  Result<Verdict> Judge(SchemaId id);
  Result<Verdict> Judge(Literal literal);
  Result<Verdict> JudgeRule(const Rule& rule);
  /// The union over an obligation.
  Result<Verdict> Judge(std::span<const Literal> literals);

  /// The strings of an obligation, by content. kNothing exactly where there are none.
  Result<RegexId> Strings(std::span<const Literal> literals);
  /// The numbers of an obligation, by text: with exponents only where numbers are not restricted at all; as integers
  /// are written, where the schema asks for integers.
  Result<RegexId> Numbers(std::span<const Literal> literals);
  /// Where one of the literals lists scalars: those of them that satisfy all literals. nullopt where none does, or
  /// where it matters how a number is written.
  Result<std::optional<EnumRule>> Filter(std::span<const Literal> literals);
  /// A `pattern`, as `patternProperties` has them too. `pointer` is for messages.
  Result<RegexId> Pattern(const std::string& pattern, const std::string& pointer, PatternReading reading);

 private:
  template <class T>
  struct Memo {
    std::unordered_map<SchemaId, std::optional<T>> known;  ///< nullopt while it is being found out
  };
  enum class Domain : std::uint8_t {
    kStrings,
    kWideStrings,   ///< also those that one reading of a `pattern` alone accepts, so that the rest satisfies no reading
    kNumbers,       ///< however written, so that verdicts must hold by both readings of a text (double_reading.h)
    kExactNumbers,  ///< written so that both readings agree: integers, and the shortest decimals of doubles
  };
  static bool IsOfStrings(Domain domain) { return domain == Domain::kStrings || domain == Domain::kWideStrings; }

  template <class T, class Compute>
  Result<T> Remember(Memo<T>& memo, SchemaId id, Compute compute);
  /// The texts of the domain that satisfy the schema or, unless `holds`, those that do not. Texts whose readings differ
  /// in this are in neither (of kWideStrings, in both).
  Result<RegexId> SetOf(SchemaId id, Domain domain, bool holds);
  Result<RegexId> SetOf(const Schema& schema, const Rule& rule, Domain domain, bool holds);
  Result<RegexId> StringLeaf(const Schema& schema, const Rule& rule, Domain domain);
  Result<RegexId> NumberLeaf(const Schema& schema, const Rule& rule, Domain domain, bool holds);
  Result<RegexId> ExactlyOne(std::span<const SchemaId> schemas, Domain domain, bool holds);
  Result<bool> AsksForInteger(SchemaId id);
  /// Errors where the set that SetOf gives is narrower than what the schema means, so that no complement can be taken.
  Status CheckComplement(SchemaId id);
  Result<bool> IsNarrowed(SchemaId id);
  RegexId Words(const std::vector<std::string>& words);

  SchemaDocument& document_;
  RegexStore& store_;
  std::uint32_t depth_ = 0;
  Memo<Verdict> verdicts_;
  std::array<std::array<Memo<RegexId>, 2>, 4> sets_;  ///< by domain and `holds`
  Memo<bool> integers_;
  Memo<bool> narrowed_;
  std::map<std::pair<std::string, PatternReading>, RegexId> patterns_;
  std::map<std::vector<std::string>, RegexId> words_;
};

}  // namespace strata::grammar
