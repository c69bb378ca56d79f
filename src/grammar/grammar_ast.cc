#include "grammar/grammar_ast.h"

namespace strata::grammar {

Expression Expression::Repeat(Expression child, std::uint32_t min, std::uint32_t max) {
  Expression repeat = {.kind = Kind::kRepeat, .min = min, .max = max};
  repeat.children.push_back(std::move(child));
  return repeat;
}

Expression Expression::Sequence(std::vector<Expression> children) {
  if (children.size() == 1) return std::move(children.front());
  return {.kind = Kind::kSequence, .children = std::move(children)};
}

Expression Expression::Alternatives(std::vector<Expression> children) {
  if (children.size() == 1) return std::move(children.front());
  return {.kind = Kind::kAlternatives, .children = std::move(children)};
}

std::uint32_t RuleTable::Find(std::string_view name, TextPosition position) {
  if (const auto found = index_.find(name); found != index_.end()) return found->second;
  const auto id = static_cast<std::uint32_t>(rules_.size());
  rules_.push_back({.name = std::string(name), .position = position});
  defined_.push_back(false);
  index_.emplace(name, id);
  return id;
}

std::uint32_t RuleTable::Use(std::string_view name, TextPosition position) { return Find(name, position); }

Status RuleTable::Define(std::string_view name, TextPosition position, Expression body) {
  const std::uint32_t id = Find(name, position);
  if (defined_[id]) return TextCursor::InvalidAt(position, "'{}' is defined twice", name);
  defined_[id] = true;
  rules_[id].position = position;
  rules_[id].body = std::move(body);
  return {};
}

Result<GrammarAst> RuleTable::Finish(std::string_view start) && {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!defined_[i]) return TextCursor::InvalidAt(rules_[i].position, "'{}' is not defined", rules_[i].name);
  }
  const auto found = index_.find(start);
  if (found == index_.end()) return Fail(ErrorCode::kInvalidArgument, "the grammar has no rule '{}'", start);
  return GrammarAst{.rules = std::move(rules_), .start = found->second};
}

}  // namespace strata::grammar
