#include "grammar/json_schema/branches.h"

#include <algorithm>

#include "base/json_pointer.h"
#include "grammar/json_schema/plan_builder.h"
#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

/// Alternatives of one anyOf whose every combination is a branch, where unevaluated… has to know all that hold.
constexpr std::size_t kMaxCombined = 5;

}  // namespace

std::unexpected<Error> BranchSplitter::Refuse(ErrorCode code, const Task& task, std::string_view why) {
  const auto schema = expander_.document().Get(task.literal.schema);
  std::string pointer = schema ? (*schema)->pointer : "";
  if (task.rule != nullptr) pointer += PointerToken(task.rule->keyword);
  return SchemaFail(code, pointer, "{}", why);
}

BranchSplitter::Branch BranchSplitter::With(const Branch& branch, std::span<const Task> tasks) {
  Branch divided = branch;
  divided.certain.insert(divided.certain.end(), tasks.rbegin(), tasks.rend());
  return divided;
}

Result<std::vector<BranchSplitter::Facts>> BranchSplitter::Split(std::span<const Literal> literals) {
  std::vector<Facts> done;
  std::vector<Task> tasks;
  for (const Literal& literal : literals) tasks.push_back({.literal = literal});
  std::vector<Branch> open = {With(Branch{}, tasks)};
  bool divided = false;
  while (!open.empty()) {
    Branch branch = std::move(open.back());
    open.pop_back();
    if (!expander_.Spend(10)) return SchemaFail(ErrorCode::kUnsupported, "", "too complex");
    STRATA_TRY(bool alive, Settle(branch));
    if (alive && divided) {
      STRATA_TRY(const bool contradicts, Contradicts(branch));
      alive = !contradicts;
    }
    if (!alive) continue;
    branch.choices.insert(branch.choices.begin(), branch.fresh.begin(), branch.fresh.end());
    branch.fresh.clear();
    if (branch.choices.empty()) {
      Resolve(branch);
      done.push_back(std::move(branch.facts));
    } else {
      const Task choice = branch.choices.front();
      branch.choices.erase(branch.choices.begin());
      STRATA_TRY(std::vector<Branch> parts, Divide(branch, choice));
      std::ranges::move(parts.rbegin(), parts.rend(), std::back_inserter(open));
      divided = true;
    }
    if (done.size() > kMaxBranches || open.size() > 16 * kMaxBranches) {
      return Refuse(ErrorCode::kUnsupported, tasks[0], "too complex: too many combinations of alternatives");
    }
  }
  return done;
}

Result<bool> BranchSplitter::Contradicts(const Branch& branch) {
  if (kind_ == kArrayKind) return branch.facts.array.min > branch.facts.array.max;
  return RequiresImpossible(expander_, branch.facts.object);
}

Result<std::vector<BranchSplitter::Branch>> BranchSplitter::Divide(const Branch& branch, const Task& task) {
  return task.literal.positive ? DividePositive(branch, task) : DivideNegated(branch, task);
}

Result<std::vector<SchemaId>> BranchSplitter::Possible(std::span<const SchemaId> schemas) {
  std::vector<SchemaId> possible;
  for (const SchemaId id : schemas) {
    STRATA_TRY(const Verdict verdict, expander_.scalars().Judge(id));
    if ((verdict.none & kind_) == 0) possible.push_back(id);
  }
  return possible;
}

Result<std::vector<BranchSplitter::Branch>> BranchSplitter::DivideAnyOf(const Branch& branch, const Task& task,
                                                                        std::span<const SchemaId> schemas) {
  std::vector<Branch> parts;
  STRATA_TRY(const std::vector<SchemaId> possible, Possible(schemas));
  const std::size_t n = possible.size();
  if (task.collector == kNoCollector || n > kMaxCombined) {
    for (const SchemaId id : possible) {
      parts.push_back(With(branch, {{.literal = {id, true}, .collector = task.collector}}));
    }
    return parts;
  }
  for (std::uint32_t chosen = 1; chosen < (1U << n); ++chosen) {
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < n; ++i) {
      if ((chosen >> i & 1) != 0) tasks.push_back({.literal = {possible[i], true}, .collector = task.collector});
    }
    parts.push_back(With(branch, tasks));
  }
  return parts;
}

Result<std::vector<BranchSplitter::Branch>> BranchSplitter::DivideOneOf(const Branch& branch, const Task& task,
                                                                        std::span<const SchemaId> schemas) {
  std::vector<Branch> parts;
  STRATA_TRY(const std::vector<SchemaId> possible, Possible(schemas));
  for (std::size_t i = 0; i < possible.size(); ++i) {
    std::vector<Task> tasks = {{.literal = {possible[i], true}, .collector = task.collector}};
    for (std::size_t j = 0; j < possible.size(); ++j) {
      if (i == j) continue;
      STRATA_TRY(const ObligationId both, expander_.obligations().Make({{possible[i], true}, {possible[j], true}}));
      if (!expander_.SurelyEmpty(both, kind_)) tasks.push_back({.literal = {possible[j], false}});
    }
    parts.push_back(With(branch, tasks));
  }
  return parts;
}

Result<std::vector<BranchSplitter::Branch>> BranchSplitter::DividePositive(const Branch& branch, const Task& task) {
  using Branches = Result<std::vector<Branch>>;
  return std::visit(Overloaded{
                        [&](const EnumRule& values) -> Branches {
                          STRATA_TRY(const std::vector<SchemaId> possible, Possible(values.others));
                          std::vector<Branch> parts;
                          for (const SchemaId id : possible) parts.push_back(With(branch, {{.literal = {id, true}}}));
                          return parts;
                        },
                        [&](const AnyOfRule& any) { return DivideAnyOf(branch, task, any.schemas); },
                        [&](const OneOfRule& one) { return DivideOneOf(branch, task, one.schemas); },
                        [&](const ConditionalRule& rule) -> Branches {
                          const std::int32_t collector = task.collector;
                          return std::vector<Branch>{
                              With(branch, {{.literal = {rule.condition, true}, .collector = collector},
                                            {.literal = {rule.then, true}, .collector = collector}}),
                              With(branch, {{.literal = {rule.condition, false}},
                                            {.literal = {rule.otherwise, true}, .collector = collector}})};
                        },
                        [&](const DependentRule& rule) -> Branches {
                          std::vector<Branch> parts = {
                              With(branch, {{.literal = {rule.schema, true}, .collector = task.collector}}), branch};
                          parts[0].facts.object.required.push_back(rule.name);
                          parts[1].facts.object.singles.push_back({rule.name, {kFalseSchema, true}});
                          return parts;
                        },
                        [&](const auto&) -> Branches { return Refuse(ErrorCode::kInternal, task, "is no choice"); },
                    },
                    task.rule->value);
}

Result<std::vector<BranchSplitter::Branch>> BranchSplitter::DivideNegated(const Branch& branch, const Task& task) {
  using Branches = Result<std::vector<Branch>>;
  std::vector<Branch> parts;
  if (task.rule == nullptr) {
    STRATA_TRY(const Schema* schema, expander_.document().Get(task.literal.schema));
    STRATA_TRY(const std::vector<const Rule*> rules, Refusing(*schema));
    for (const Rule* rule : rules) parts.push_back(With(branch, {{.literal = task.literal, .rule = rule}}));
    return parts;
  }
  const auto one_of_counts = [&](std::uint32_t min, std::uint32_t max, auto narrow) {
    if (min > 0) narrow(parts.emplace_back(branch), 0U, min - 1);
    if (max != kUnbounded) narrow(parts.emplace_back(branch), max + 1, kUnbounded);
    return parts;
  };
  return std::visit(
      Overloaded{
          [&](const AllOfRule& all) -> Branches {
            for (const SchemaId id : all.schemas) parts.push_back(With(branch, {{.literal = {id, false}}}));
            return parts;
          },
          [&](const OneOfRule& one) -> Branches {
            std::vector<Task> none;
            for (const SchemaId id : one.schemas) none.push_back({.literal = {id, false}});
            parts.push_back(With(branch, none));
            STRATA_TRY(const std::vector<SchemaId> possible, Possible(one.schemas));
            for (std::size_t i = 0; i < possible.size(); ++i) {
              for (std::size_t j = i + 1; j < possible.size(); ++j) {
                parts.push_back(With(branch, {{.literal = {possible[i], true}}, {.literal = {possible[j], true}}}));
              }
            }
            return parts;
          },
          [&](const ConditionalRule& rule) -> Branches {
            return std::vector<Branch>{
                With(branch, {{.literal = {rule.condition, true}}, {.literal = {rule.then, false}}}),
                With(branch, {{.literal = {rule.condition, false}}, {.literal = {rule.otherwise, false}}})};
          },
          [&](const ItemCountRule& count) -> Branches {
            return one_of_counts(count.min, count.max, [](Branch& part, std::uint32_t min, std::uint32_t max) {
              part.facts.array.min = std::max(part.facts.array.min, min);
              part.facts.array.max = std::min(part.facts.array.max, max);
            });
          },
          [&](const PropertyCountRule& count) -> Branches {
            return one_of_counts(count.min, count.max, [](Branch& part, std::uint32_t min, std::uint32_t max) {
              part.facts.object.min = std::max(part.facts.object.min, min);
              part.facts.object.max = std::min(part.facts.object.max, max);
            });
          },
          [&](const ContainsRule& rule) -> Branches {
            return one_of_counts(rule.min, rule.max, [&rule](Branch& part, std::uint32_t min, std::uint32_t max) {
              part.facts.array.contained.push_back({.literal = {rule.schema, true}, .min = min, .max = max});
            });
          },
          [&](const PropertiesRule& rule) -> Branches {
            // The first that fails: parts that exclude each other combine with fewer of other rules' parts.
            Branch held = branch;
            for (const auto& [name, id] : rule.properties) {
              STRATA_TRY(const Verdict verdict, expander_.scalars().Judge(id));
              if (verdict.all == kAllKinds) continue;
              Branch& part = parts.emplace_back(held);
              part.facts.object.required.push_back(name);
              part.facts.object.singles.push_back({name, {id, false}});
              held.facts.object.singles.push_back({name, {id, true}});
            }
            return parts;
          },
          [&](const RequiredRule& rule) -> Branches {
            for (const std::string& name : rule.names) {
              parts.emplace_back(branch).facts.object.singles.push_back({name, {kFalseSchema, true}});
            }
            return parts;
          },
          [&](const auto&) -> Branches { return Refuse(ErrorCode::kInternal, task, "is no choice"); },
      },
      task.rule->value);
}

}  // namespace strata::grammar
