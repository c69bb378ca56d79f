// A JSON Schema document, read rule by rule when a schema is first asked for.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/json_schema/schema.h"
#include "grammar/json_schema/schema_resources.h"

namespace strata::grammar {

inline constexpr SchemaId kTrueSchema = 0;
inline constexpr SchemaId kFalseSchema = 1;

/// The dynamic scope of `$dynamicRef` (2020-12 core, section 8.2.3.2), as far as it matters: the outermost schema for
/// each dynamic anchor that evaluation has come past. A schema read in two scopes is two schemas.
using ScopeId = std::uint32_t;

class SchemaDocument {
 public:
  /// Errors: kInvalidArgument where the root is no schema; kUnsupported where it is nested too deeply.
  static Result<std::unique_ptr<SchemaDocument>> Load(const Json& root);

  SchemaId root() const { return root_; }
  /// The rules of a schema. Errors: kInvalidArgument and kUnsupported, with the JSON pointer of the keyword.
  Result<const Schema*> Get(SchemaId id);

  /// What equals `value`, and nothing else. `pointer` is for messages.
  Result<SchemaId> Constant(const Json& value, const std::string& pointer);
  SchemaId Constant(const Decimal& number);
  /// These scalars; equal lists have equal ids.
  SchemaId List(EnumRule scalars);
  /// What at least one of `schemas` allows.
  SchemaId Union(std::vector<SchemaId> schemas);
  /// Adds a schema that the document does not spell.
  SchemaId Add(Schema schema);

 private:
  friend class SchemaReader;
  using Scope = std::map<std::string, SchemaPlace>;
  struct Entry {
    SchemaPlace place;
    ScopeId scope = 0;
    std::optional<Schema> schema;
  };

  explicit SchemaDocument(const Json& root) : json_(root) {}
  /// The schema at `place`, entered from `scope`.
  SchemaId At(SchemaPlace place, ScopeId scope);
  ScopeId Enter(ScopeId scope, std::uint32_t resource);
  Result<SchemaId> Reference(std::string_view reference, const SchemaPlace& from, ScopeId scope, bool dynamic);
  SchemaId RecursiveReference(const SchemaPlace& from, ScopeId scope);

  Json json_;
  ResourceIndex resources_;
  std::deque<Entry> entries_;
  std::map<std::pair<const Json*, ScopeId>, SchemaId> ids_;
  std::unordered_map<std::string, SchemaId> leaves_;  ///< schemas without schemas in them, by their text
  std::vector<Scope> scopes_;
  std::unordered_map<std::string, SchemaId> constants_;  ///< by their text
  std::map<std::vector<SchemaId>, SchemaId> unions_;
  SchemaId root_ = kTrueSchema;
};

}  // namespace strata::grammar
