#include "grammar/production_grammar.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace strata::grammar {
namespace {

using Kind = Expression::Kind;

/// Symbols in all productions: written-out repetitions multiply when they are nested.
constexpr std::size_t kMaxSymbols = 100'000;

void CollectRules(const Expression& expression, std::vector<std::uint32_t>& rules) {
  if (expression.kind == Kind::kRule) rules.push_back(expression.rule);
  for (const Expression& child : expression.children) CollectRules(child, rules);
}

/// For each rule, the rules that it names, each once.
std::vector<std::vector<std::uint32_t>> References(const GrammarAst& ast) {
  std::vector<std::vector<std::uint32_t>> references(ast.rules.size());
  for (std::size_t i = 0; i < ast.rules.size(); ++i) {
    CollectRules(ast.rules[i].body, references[i]);
    std::ranges::sort(references[i]);
    references[i].erase(std::ranges::unique(references[i]).begin(), references[i].end());
  }
  return references;
}

class Writer {
 public:
  Writer(RegexStore& store, const GrammarAst& ast) : store_(store), ast_(ast), regex_(ast.rules.size()) {}

  Result<ProductionGrammar> Run() {
    const auto references = References(ast_);
    FoldRegular(references);
    STRATA_CHECK(WriteReachable(references));
    if (store_.exhausted()) return TooLarge();
    FindNullable();
    STRATA_CHECK(CheckProductive());
    return std::move(grammar_);
  }

 private:
  static std::unexpected<Error> TooLarge() { return Fail(ErrorCode::kUnsupported, "the grammar is too large"); }

  void FoldRegular(const std::vector<std::vector<std::uint32_t>>& references);
  RegexId Fold(const Expression& expression);
  bool IsRegular(const Expression& expression) const;
  Status WriteReachable(const std::vector<std::vector<std::uint32_t>>& references);
  Status Append(const Expression& expression, Production& to);
  Status AppendRepeat(const Expression& expression, Production& to);
  Status Add(Symbol symbol, Production& to);
  Result<Symbol> Single(const Expression& expression);
  Symbol NewRule();
  void FindNullable();
  Status CheckProductive();

  RegexStore& store_;
  const GrammarAst& ast_;
  std::vector<std::optional<RegexId>> regex_;  ///< of rules that are regular
  std::vector<std::optional<Symbol>> written_ = std::vector<std::optional<Symbol>>(ast_.rules.size());
  ProductionGrammar grammar_;
  std::uint32_t author_ = 0;
  std::size_t symbols_ = 0;
};

/// Rules that name only regular rules are regular: from the leaves up, so that no recursive rule is ever ready.
void Writer::FoldRegular(const std::vector<std::vector<std::uint32_t>>& references) {
  std::vector<std::vector<std::uint32_t>> users(references.size());
  std::vector<std::size_t> open(references.size());
  std::vector<std::uint32_t> ready;
  for (std::uint32_t rule = 0; rule < references.size(); ++rule) {
    open[rule] = references[rule].size();
    for (const std::uint32_t used : references[rule]) users[used].push_back(rule);
    if (open[rule] == 0) ready.push_back(rule);
  }
  while (!ready.empty()) {
    const std::uint32_t rule = ready.back();
    ready.pop_back();
    regex_[rule] = Fold(ast_.rules[rule].body);
    for (const std::uint32_t user : users[rule]) {
      if (--open[user] == 0) ready.push_back(user);
    }
  }
}

RegexId Writer::Fold(const Expression& expression) {
  std::vector<RegexId> parts;
  for (const Expression& child : expression.children) parts.push_back(Fold(child));
  switch (expression.kind) {
    case Kind::kTerminal:
      return expression.terminal;
    case Kind::kRule:
      return *regex_[expression.rule];
    case Kind::kSequence:
      return store_.Concat(parts);
    case Kind::kAlternatives:
      return store_.Or(parts);
    case Kind::kRepeat:
      return store_.Repeat(parts.front(), expression.min, expression.max);
  }
  return RegexStore::kNothing;
}

bool Writer::IsRegular(const Expression& expression) const {
  if (expression.kind == Kind::kRule) return regex_[expression.rule].has_value();
  return std::ranges::all_of(expression.children, [this](const Expression& child) { return IsRegular(child); });
}

Status Writer::WriteReachable(const std::vector<std::vector<std::uint32_t>>& references) {
  std::vector<std::uint32_t> reachable = {ast_.start};
  std::vector<bool> seen(ast_.rules.size());
  seen[ast_.start] = true;
  for (std::size_t i = 0; i < reachable.size(); ++i) {
    for (const std::uint32_t rule : references[reachable[i]]) {
      if (!seen[rule]) reachable.push_back(rule);
      seen[rule] = true;
    }
  }
  for (const std::uint32_t rule : reachable) {
    author_ = rule;
    if (regex_[rule] && store_.IsNothing(*regex_[rule]) && !store_.exhausted()) {
      return TextCursor::InvalidAt(ast_.rules[rule].position, "'{}' matches no text", ast_.rules[rule].name);
    }
    written_[rule] = regex_[rule] ? Symbol{.is_rule = false, .id = *regex_[rule]} : NewRule();
  }
  grammar_.start = *written_[ast_.start];
  for (const std::uint32_t rule : reachable) {
    if (regex_[rule]) continue;
    author_ = rule;
    const Expression& body = ast_.rules[rule].body;
    const bool choice = body.kind == Kind::kAlternatives;
    for (std::size_t i = 0; i < (choice ? body.children.size() : 1); ++i) {
      Production production;
      STRATA_CHECK(Append(choice ? body.children[i] : body, production));
      grammar_.rules[written_[rule]->id].productions.push_back(std::move(production));
    }
  }
  return {};
}

Symbol Writer::NewRule() {
  grammar_.rules.push_back({.productions = {}, .author = author_});
  return {.is_rule = true, .id = static_cast<std::uint32_t>(grammar_.rules.size() - 1)};
}

Status Writer::Add(Symbol symbol, Production& to) {
  if (!symbol.is_rule && !to.empty() && !to.back().is_rule) {  // neighbours are one lexeme
    to.back().id = store_.Concat(to.back().id, symbol.id);
    return {};
  }
  if (++symbols_ > kMaxSymbols) return TooLarge();
  to.push_back(symbol);
  return {};
}

Status Writer::Append(const Expression& expression, Production& to) {
  if (IsRegular(expression)) {
    const RegexId regex = Fold(expression);
    return regex == RegexStore::kEmpty ? Status() : Add({.is_rule = false, .id = regex}, to);
  }
  switch (expression.kind) {
    case Kind::kRule:
      return Add(*written_[expression.rule], to);
    case Kind::kSequence:
      for (const Expression& child : expression.children) STRATA_CHECK(Append(child, to));
      return {};
    case Kind::kRepeat:
      return AppendRepeat(expression, to);
    default: {
      STRATA_TRY(const Symbol group, Single(expression));
      return Add(group, to);
    }
  }
}

/// A symbol that stands for the whole expression.
Result<Symbol> Writer::Single(const Expression& expression) {
  std::vector<Production> productions;
  const bool choice = expression.kind == Kind::kAlternatives;
  for (std::size_t i = 0; i < (choice ? expression.children.size() : 1); ++i) {
    Production production;
    STRATA_CHECK(Append(choice ? expression.children[i] : expression, production));
    productions.push_back(std::move(production));
  }
  if (productions.size() == 1 && productions.front().size() == 1) return productions.front().front();
  const Symbol rule = NewRule();
  grammar_.rules[rule.id].productions = std::move(productions);
  return rule;
}

/// x{2,4} is x x (x (x)?)?, and x{2,} is x x loop with loop = x loop | nothing.
Status Writer::AppendRepeat(const Expression& expression, Production& to) {
  if (expression.max == 0) return {};
  STRATA_TRY(const Symbol body, Single(expression.children.front()));
  for (std::uint32_t i = 0; i < expression.min; ++i) STRATA_CHECK(Add(body, to));
  std::optional<Symbol> more;
  if (expression.max == kUnbounded) {
    more = NewRule();
    grammar_.rules[more->id].productions = {{}, {body, *more}};
  } else {
    for (std::uint32_t i = expression.min; i < expression.max; ++i) {
      Production production;
      STRATA_CHECK(Add(body, production));
      if (more) STRATA_CHECK(Add(*more, production));
      more = NewRule();
      grammar_.rules[more->id].productions = {{}, std::move(production)};
    }
  }
  return more ? Add(*more, to) : Status();
}

/// The rules with a production of which every symbol holds: terminals where `holds` says so, rules where they have been
/// found before.
template <class Predicate>
std::vector<bool> LeastFixpoint(const ProductionGrammar& grammar, Predicate holds) {
  struct Waiting {
    std::uint32_t rule;
    std::size_t open;  ///< symbols that do not hold yet
  };
  std::vector<Waiting> waiting;
  std::vector<std::vector<std::size_t>> users(grammar.rules.size());
  std::vector<bool> found(grammar.rules.size());
  std::vector<std::uint32_t> news;
  const auto settle = [&](std::size_t production) {
    const std::uint32_t rule = waiting[production].rule;
    if (waiting[production].open > 0 || found[rule]) return;
    found[rule] = true;
    news.push_back(rule);
  };
  for (std::uint32_t rule = 0; rule < grammar.rules.size(); ++rule) {
    for (const Production& production : grammar.rules[rule].productions) {
      waiting.push_back({rule, 0});
      for (const Symbol& symbol : production) {
        if (symbol.is_rule) users[symbol.id].push_back(waiting.size() - 1);
        if (symbol.is_rule || !holds(symbol.id)) ++waiting.back().open;
      }
      settle(waiting.size() - 1);
    }
  }
  while (!news.empty()) {
    const std::uint32_t rule = news.back();
    news.pop_back();
    for (const std::size_t production : users[rule]) {
      --waiting[production].open;
      settle(production);
    }
  }
  return found;
}

void Writer::FindNullable() {
  const auto nullable = LeastFixpoint(grammar_, [this](RegexId terminal) { return store_.Nullable(terminal); });
  for (std::size_t i = 0; i < nullable.size(); ++i) grammar_.rules[i].nullable = nullable[i];
}

/// That every rule derives some finite text.
Status Writer::CheckProductive() {
  const auto productive = LeastFixpoint(grammar_, [this](RegexId terminal) { return !store_.IsNothing(terminal); });
  for (std::size_t i = productive.size(); i-- > 0;) {  // from the leaves, where the cause is
    if (productive[i]) continue;
    const GrammarRule& author = ast_.rules[grammar_.rules[i].author];
    return TextCursor::InvalidAt(author.position, "'{}' derives no finite text", author.name);
  }
  return {};
}

}  // namespace

Result<ProductionGrammar> MakeProductions(RegexStore& store, const GrammarAst& ast) { return Writer(store, ast).Run(); }

}  // namespace strata::grammar
