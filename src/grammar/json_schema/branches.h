// The disjunctive normal form of what an obligation says about arrays, or about objects: each branch is a conjunction
// of facts, and the values are the union of the branches'. Negations go inwards by de Morgan's laws; a branch that has
// been seen to contradict itself is dropped before it divides further.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "grammar/json_schema/expander.h"
#include "grammar/json_schema/facts.h"

namespace strata::grammar {

class BranchSplitter {
 public:
  static constexpr std::size_t kMaxBranches = 256;

  /// `kind` is kArrayKind or kObjectKind; the facts of that kind are gathered.
  BranchSplitter(Expander& expander, Kinds kind) : expander_(expander), kind_(kind) {}

  struct Facts {
    ArrayFacts array;
    ObjectFacts object;
  };
  /// Errors: kUnsupported where there are more than kMaxBranches, or for what cannot be negated; those of schemas.
  Result<std::vector<Facts>> Split(std::span<const Literal> literals);

 private:
  static constexpr std::int32_t kNoCollector = -1;
  /// Something that is still to be added to a branch: a schema, or one rule of it.
  struct Task {
    Literal literal;
    const Rule* rule = nullptr;
    std::int32_t collector = kNoCollector;
  };
  /// What the schema of an `unevaluatedProperties` or `unevaluatedItems` has evaluated in this branch.
  struct Collector {
    std::int32_t parent = kNoCollector;
    SchemaId unevaluated = kTrueSchema;
    bool everything = false;
    NameSet names;
    std::uint32_t items = 0;  ///< so many at the front
    std::vector<SchemaId> contained;
  };
  struct Branch {
    Facts facts;
    std::vector<Task> certain;  ///< the next one is the last
    std::vector<Task> choices;  ///< each of which divides the branch
    std::vector<Task>
        fresh;  ///< choices that have come up since the last division: what they refute need not divide more
    std::vector<Collector> collectors;
  };

  Result<bool> Settle(Branch& branch);
  Result<bool> SettleSchema(Branch& branch, const Task& task);
  Result<bool> SettleRule(Branch& branch, const Task& task);
  Result<bool> SettleNegated(Branch& branch, const Task& task);
  /// `reading`: of the patterns whose names are not among them.
  Result<NameSet> NamesOf(const AdditionalPropertiesRule& rule, SchemaId owner, PatternReading reading);
  Result<bool> AddArrayRule(Branch& branch, const Task& task);
  Result<bool> AddObjectRule(Branch& branch, const Task& task);
  /// The rules of a schema that can refuse a value of this kind.
  Result<std::vector<const Rule*>> Refusing(const Schema& schema);
  Result<std::vector<Branch>> Divide(const Branch& branch, const Task& task);
  Result<std::vector<Branch>> DividePositive(const Branch& branch, const Task& task);
  Result<std::vector<Branch>> DivideNegated(const Branch& branch, const Task& task);
  Result<std::vector<Branch>> DivideAnyOf(const Branch& branch, const Task& task, std::span<const SchemaId> schemas);
  Result<std::vector<Branch>> DivideOneOf(const Branch& branch, const Task& task, std::span<const SchemaId> schemas);
  Result<std::vector<SchemaId>> Possible(std::span<const SchemaId> schemas);
  void Resolve(Branch& branch);
  Result<bool> Contradicts(const Branch& branch);
  std::unexpected<Error> Refuse(ErrorCode code, const Task& task, std::string_view why);

  template <class Visit>
  static void Collect(Branch& branch, std::int32_t collector, Visit visit);
  static Branch With(const Branch& branch, std::span<const Task> tasks);
  static Branch With(const Branch& branch, std::initializer_list<Task> tasks) {
    return With(branch, std::span(tasks.begin(), tasks.size()));
  }

  Expander& expander_;
  Kinds kind_;
};

}  // namespace strata::grammar
