// Reads the keywords of one schema (2020-12, validation and applicator vocabularies, and what older drafts had in their
// place) into rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_pointer.h"
#include "grammar/json_schema/schema_document.h"

namespace strata::grammar {

class SchemaReader {
 public:
  SchemaReader(SchemaDocument& document, const SchemaPlace& place, ScopeId scope);
  Result<Schema> Read();

  static bool IsKeyword(std::string_view name);
  /// Whether the keyword means the same wherever it stands: no schema or reference is in its value.
  static bool IsLeafKeyword(std::string_view name);

 private:
  using Handler = Status (SchemaReader::*)(const Json& value);
  struct Keyword {
    std::string_view name;
    Handler read;
  };
  static const Keyword* Find(std::string_view name);
  static const Keyword kKeywords[];

  Status Type(const Json& value);
  Status Enum(const Json& value);
  Status Const(const Json& value);
  Status Pattern(const Json& value);
  Status MinLength(const Json& value);
  Status MaxLength(const Json& value);
  Status Format(const Json& value);
  Status Minimum(const Json& value);
  Status Maximum(const Json& value);
  Status ExclusiveMinimum(const Json& value);
  Status ExclusiveMaximum(const Json& value);
  Status MultipleOf(const Json& value);
  Status Items(const Json& value);
  Status PrefixItems(const Json& value);
  Status AdditionalItems(const Json& value);
  Status MinItems(const Json& value);
  Status MaxItems(const Json& value);
  Status UniqueItems(const Json& value);
  Status Contains(const Json& value);
  Status UnevaluatedItems(const Json& value);
  Status Properties(const Json& value);
  Status PatternProperties(const Json& value);
  Status AdditionalProperties(const Json& value);
  Status PropertyNames(const Json& value);
  Status Required(const Json& value);
  Status MinProperties(const Json& value);
  Status MaxProperties(const Json& value);
  Status DependentRequired(const Json& value);
  Status DependentSchemas(const Json& value);
  Status UnevaluatedProperties(const Json& value);
  Status AllOf(const Json& value);
  Status AnyOf(const Json& value);
  Status OneOf(const Json& value);
  Status Not(const Json& value);
  Status If(const Json& value);
  Status Ref(const Json& value);
  Status DynamicRef(const Json& value);
  Status RecursiveRef(const Json& value);
  Status DraftThree(const Json& value);

  Status Bound(const Json& value, bool lower, bool exclusive);
  Status Follow(Result<SchemaId> target);
  Status ItemList(const Json& value);
  Result<SchemaId> Child(const Json& value, const std::string& pointer);
  Result<std::vector<SchemaId>> Children(const Json& value);
  Result<std::uint32_t> Count(const Json& value);
  Result<std::vector<std::string>> Names(const Json& value, const std::string& pointer);
  const Json* Sibling(std::string_view name) const;
  std::string Here() const { return place_.pointer + PointerToken(keyword_); }
  void Emit(Rule::Value value) { schema_.rules.push_back({std::move(value), keyword_}); }

  SchemaDocument& document_;
  const SchemaPlace& place_;
  const Json& json_;
  ScopeId scope_;
  Draft draft_;
  std::string_view keyword_;  ///< that is being read
  Schema schema_;
};

/// A number of a schema; of more than 64 bits, the double that the parser made of it. Errors: kUnsupported (Decimal).
Result<Decimal> ReadDecimal(const Json& number);

/// The schema of what equals `value`.
Result<Schema> ReadConstant(SchemaDocument& document, const Json& value, const std::string& pointer);

/// An error at a place of the schema; the pointer is in the message, and param.
template <class... Args>
std::unexpected<Error> SchemaFail(ErrorCode code, const std::string& pointer, fmt::format_string<Args...> format,
                                  Args&&... args) {
  return std::unexpected<Error>(
      Error(code, (pointer.empty() ? "schema" : pointer) + ": " + fmt::format(format, std::forward<Args>(args)...))
          .WithParam(pointer));
}

}  // namespace strata::grammar
