#include "formats/jinja/expression_parser.h"

#include <algorithm>
#include <cstdlib>

namespace strata::jinja {
namespace {
// Also bounds the height of the tree, which evaluation and destruction descend.
constexpr std::size_t kMaxDepth = 200;
}  // namespace

ExpressionParser::Nest::Nest(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxDepth) {
    throw TemplateError{ErrorCode::kResourceExhausted, fmt::format("nests deeper than {}", kMaxDepth),
                        parser.Peek().line};
  }
}

void ExpressionParser::Error(std::string message) const {
  throw TemplateError{ErrorCode::kInvalidArgument, std::move(message), Peek().line};
}

bool ExpressionParser::SkipName(std::string_view name) {
  if (!IsName(name)) return false;
  ++at_;
  return true;
}

bool ExpressionParser::SkipOp(std::string_view op) {
  if (!IsOp(op)) return false;
  ++at_;
  return true;
}

void ExpressionParser::ExpectOp(std::string_view op) {
  if (!SkipOp(op)) Error(fmt::format("expected '{}', got '{}'", op, Peek().text));
}

std::string ExpressionParser::ExpectName() {
  if (Peek().kind != TokenKind::kName) Error(fmt::format("expected a name, got '{}'", Peek().text));
  return Next().text;
}

int ExpressionParser::Id(const std::string& name) {
  const auto [at, inserted] = ids_.emplace(name, static_cast<int>(names_.size()));
  if (inserted) names_.push_back(name);
  if (name == "caller" || name == "varargs" || name == "kwargs") mentioned_.push_back(name);
  return at->second;
}

ExprPtr ExpressionParser::Make(ExprKind kind) const {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = Peek().line;
  return node;
}

ExprPtr ExpressionParser::ParseExpression(bool with_condition) {
  Nest nest(*this);
  ExprPtr left = ParseOr();
  std::size_t chain = 0;
  while (with_condition && IsName("if")) {
    if (++chain > kMaxDepth) Error("expression is too long");
    ExprPtr node = Make(ExprKind::kConditional);
    Next();
    node->children.push_back(std::move(left));
    node->children.push_back(ParseOr());
    node->children.push_back(SkipName("else") ? ParseExpression() : nullptr);
    left = std::move(node);
  }
  return left;
}

template <class Parse>
ExprPtr ExpressionParser::Binary(Parse parse, std::initializer_list<std::pair<std::string_view, Op>> ops) {
  ExprPtr left = parse();
  for (std::size_t chain = 0;; ++chain) {
    if (chain > kMaxDepth) Error("expression is too long");
    const auto op = std::find_if(ops.begin(), ops.end(), [&](const auto& entry) { return IsOp(entry.first); });
    if (op == ops.end()) return left;
    ExprPtr node = Make(ExprKind::kBinary);
    Next();
    node->op = op->second;
    node->children.push_back(std::move(left));
    node->children.push_back(parse());
    left = std::move(node);
  }
}

ExprPtr ExpressionParser::ParseOr() {
  ExprPtr left = ParseAnd();
  if (!IsName("or")) return left;
  ExprPtr node = Make(ExprKind::kOr);
  node->children.push_back(std::move(left));
  while (SkipName("or")) node->children.push_back(ParseAnd());
  return node;
}

ExprPtr ExpressionParser::ParseAnd() {
  ExprPtr left = ParseNot();
  if (!IsName("and")) return left;
  ExprPtr node = Make(ExprKind::kAnd);
  node->children.push_back(std::move(left));
  while (SkipName("and")) node->children.push_back(ParseNot());
  return node;
}

ExprPtr ExpressionParser::ParseNot() {
  if (!IsName("not")) return ParseCompare();
  Nest nest(*this);
  ExprPtr node = Make(ExprKind::kNot);
  Next();
  node->children.push_back(ParseNot());
  return node;
}

ExprPtr ExpressionParser::ParseCompare() {
  static constexpr std::pair<std::string_view, Op> kOps[] = {{"==", Op::kEq}, {"!=", Op::kNe}, {"<", Op::kLt},
                                                             {"<=", Op::kLe}, {">", Op::kGt},  {">=", Op::kGe}};
  ExprPtr left = ParseSum();
  ExprPtr node = Make(ExprKind::kCompare);
  while (true) {
    const auto* op =
        std::find_if(std::begin(kOps), std::end(kOps), [&](const auto& entry) { return IsOp(entry.first); });
    if (op != std::end(kOps)) {
      Next();
      node->ops.push_back(op->second);
    } else if (SkipName("in")) {
      node->ops.push_back(Op::kIn);
    } else if (IsName("not") && Peek(1).kind == TokenKind::kName && Peek(1).text == "in") {
      Next();
      Next();
      node->ops.push_back(Op::kNotIn);
    } else {
      break;
    }
    if (left) node->children.push_back(std::move(left));
    node->children.push_back(ParseSum());
  }
  return node->ops.empty() ? std::move(left) : std::move(node);
}

ExprPtr ExpressionParser::ParseSum() {
  return Binary([this] { return ParseConcat(); }, {{"+", Op::kAdd}, {"-", Op::kSub}});
}

ExprPtr ExpressionParser::ParseConcat() {
  ExprPtr left = ParseProduct();
  if (!IsOp("~")) return left;
  ExprPtr node = Make(ExprKind::kConcat);
  node->children.push_back(std::move(left));
  while (SkipOp("~")) node->children.push_back(ParseProduct());
  return node;
}

ExprPtr ExpressionParser::ParseProduct() {
  return Binary([this] { return ParsePower(); },
                {{"*", Op::kMul}, {"/", Op::kDiv}, {"//", Op::kFloorDiv}, {"%", Op::kMod}});
}

ExprPtr ExpressionParser::ParsePower() {
  return Binary([this] { return ParseUnary(); }, {{"**", Op::kPow}});
}

ExprPtr ExpressionParser::ParseUnary(bool with_filter) {
  Nest nest(*this);
  ExprPtr node;
  if (IsOp("-") || IsOp("+")) {
    node = Make(IsOp("-") ? ExprKind::kNegate : ExprKind::kPlus);
    Next();
    node->children.push_back(ParseUnary(false));
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  return with_filter ? ParseFilters(std::move(node), false) : std::move(node);
}

ExprPtr ExpressionParser::ParseNumber() {
  ExprPtr node = Make(ExprKind::kConst);
  const Token token = Next();
  if (token.kind == TokenKind::kFloat) {
    node->constant = Value::Float(std::strtod(token.text.c_str(), nullptr));
    return node;
  }
  const char prefix = token.text.size() > 1 ? static_cast<char>(token.text[1] | 0x20) : '\0';
  const int base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
  errno = 0;
  char* end = nullptr;
  const char* digits = token.text.c_str() + (base == 10 ? 0 : 2);
  const long long value = std::strtoll(digits, &end, base);
  if (errno != 0 || end == digits || *end != '\0') Error(fmt::format("bad integer '{}'", token.text));
  node->constant = Value::Int(value);
  return node;
}

ExprPtr ExpressionParser::ParsePrimary() {
  const Token& token = Peek();
  if (token.kind == TokenKind::kName) {
    ExprPtr node = Make(ExprKind::kConst);
    const std::string name = Next().text;
    if (name == "true" || name == "True" || name == "false" || name == "False") {
      node->constant = Value::Bool(name == "true" || name == "True");
    } else if (name == "none" || name == "None") {
      node->constant = Value::None();
    } else {
      node->kind = ExprKind::kName;
      node->name = name;
      node->id = Id(name);
    }
    return node;
  }
  if (token.kind == TokenKind::kString) {
    ExprPtr node = Make(ExprKind::kConst);
    std::string text;
    while (Peek().kind == TokenKind::kString) text += Next().text;
    node->constant = Value::String(std::move(text));
    return node;
  }
  if (token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat) return ParseNumber();
  if (SkipOp("(")) {
    ExprPtr node = ParseTuple(true, {}, true);
    ExpectOp(")");
    return node;
  }
  if (IsOp("[")) {
    ExprPtr node = Make(ExprKind::kList);
    Next();
    while (!SkipOp("]")) {
      if (!node->children.empty()) {
        ExpectOp(",");
        if (SkipOp("]")) break;
      }
      node->children.push_back(ParseExpression());
    }
    return node;
  }
  if (IsOp("{")) return ParseDict();
  Error(fmt::format("unexpected '{}'", token.kind == TokenKind::kEnd ? "end of template" : token.text));
}

ExprPtr ExpressionParser::ParseDict() {
  ExprPtr node = Make(ExprKind::kDict);
  ExpectOp("{");
  while (!SkipOp("}")) {
    if (!node->children.empty()) {
      ExpectOp(",");
      if (SkipOp("}")) break;
    }
    node->children.push_back(ParseExpression());
    ExpectOp(":");
    node->children.push_back(ParseExpression());
  }
  return node;
}

ExprPtr ExpressionParser::ParseTuple(bool with_condition, std::string_view stop, bool parenthesized) {
  ExprPtr tuple = Make(ExprKind::kTuple);
  bool is_tuple = false;
  while (true) {
    const TokenKind kind = Peek().kind;
    if (kind == TokenKind::kVariableEnd || kind == TokenKind::kBlockEnd || IsOp(")") || (!stop.empty() && IsName(stop)))
      break;
    tuple->children.push_back(ParseExpression(with_condition));
    if (!SkipOp(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return tuple;
  if (tuple->children.size() == 1) return std::move(tuple->children[0]);
  if (!parenthesized) Error("expected an expression");
  return tuple;
}

ExprPtr ExpressionParser::ParsePostfix(ExprPtr node) {
  for (std::size_t chain = 0;; ++chain) {
    if (chain > kMaxDepth) Error("expression is too long");
    if (IsOp(".") || IsOp("[")) {
      node = ParseSubscript(std::move(node));
    } else if (IsOp("(")) {
      ExprPtr call = Make(ExprKind::kCall);
      call->children.push_back(std::move(node));
      ParseArguments(*call);
      node = std::move(call);
    } else {
      return node;
    }
  }
}

ExprPtr ExpressionParser::ParseSubscript(ExprPtr node) {
  ExprPtr out = Make(ExprKind::kItem);
  out->children.push_back(std::move(node));
  if (SkipOp(".")) {
    if (Peek().kind == TokenKind::kInteger) {
      out->children.push_back(ParseNumber());
    } else {
      out->kind = ExprKind::kAttribute;
      out->name = ExpectName();
    }
    return out;
  }
  ExpectOp("[");
  std::vector<ExprPtr> indexes;
  while (!SkipOp("]")) {
    if (!indexes.empty()) ExpectOp(",");
    indexes.push_back(ParseIndex());
  }
  if (indexes.empty()) Error("expected a subscript");
  if (indexes.size() == 1) {
    out->children.push_back(std::move(indexes[0]));
  } else {
    ExprPtr tuple = Make(ExprKind::kTuple);
    tuple->children = std::move(indexes);
    out->children.push_back(std::move(tuple));
  }
  return out;
}

ExprPtr ExpressionParser::ParseIndex() {
  ExprPtr slice = Make(ExprKind::kSlice);
  ExprPtr first;
  if (!IsOp(":")) {
    first = ParseExpression();
    if (!IsOp(":")) return first;
  }
  slice->children.push_back(std::move(first));
  while (slice->children.size() < 3 && SkipOp(":")) {
    slice->children.push_back(IsOp(":") || IsOp("]") || IsOp(",") ? nullptr : ParseExpression());
  }
  slice->children.resize(3);
  return slice;
}

void ExpressionParser::ParseArguments(Expr& call) {
  Nest nest(*this);
  ExpectOp("(");
  bool first = true;
  while (!SkipOp(")")) {
    if (!first) {
      ExpectOp(",");
      if (SkipOp(")")) break;
    }
    first = false;
    if (SkipOp("*")) {
      if (call.star || call.double_star) Error("invalid syntax for function call expression");
      call.star = ParseExpression();
    } else if (SkipOp("**")) {
      if (call.double_star) Error("invalid syntax for function call expression");
      call.double_star = ParseExpression();
    } else if (Peek().kind == TokenKind::kName && Peek(1).kind == TokenKind::kOperator && Peek(1).text == "=") {
      std::string name = Next().text;
      Next();
      call.named.emplace_back(std::move(name), ParseExpression());
    } else {
      if (call.star || call.double_star || !call.named.empty()) Error("invalid syntax for function call expression");
      call.args.push_back(ParseExpression());
    }
  }
}

ExprPtr ExpressionParser::ParseFilters(ExprPtr node, bool start_inline) {
  for (std::size_t chain = 0;; ++chain) {
    if (chain > kMaxDepth) Error("expression is too long");
    if (start_inline || SkipOp("|")) {
      start_inline = false;
      ExprPtr filter = Make(ExprKind::kFilter);
      filter->name = ExpectName();
      while (SkipOp(".")) filter->name += "." + ExpectName();
      filter->filter = FindFilter(filter->name);
      filter->children.push_back(std::move(node));
      if (IsOp("(")) ParseArguments(*filter);
      node = std::move(filter);
    } else if (SkipName("is")) {
      node = ParseTest(std::move(node));
    } else if (node && IsOp("(")) {
      ExprPtr call = Make(ExprKind::kCall);
      call->children.push_back(std::move(node));
      ParseArguments(*call);
      node = std::move(call);
    } else {
      return node;
    }
  }
}

ExprPtr ExpressionParser::ParseTest(ExprPtr node) {
  const bool negated = SkipName("not");
  ExprPtr test = Make(ExprKind::kTest);
  test->name = ExpectName();
  while (SkipOp(".")) test->name += "." + ExpectName();
  test->test = FindTest(test->name);
  test->children.push_back(std::move(node));
  const TokenKind kind = Peek().kind;
  if (IsOp("(")) {
    ParseArguments(*test);
  } else if ((kind == TokenKind::kName && !IsName("else") && !IsName("or") && !IsName("and")) ||
             kind == TokenKind::kString || kind == TokenKind::kInteger || kind == TokenKind::kFloat || IsOp("[") ||
             IsOp("{")) {
    if (IsName("is")) Error("you cannot chain multiple tests with is");
    Nest nest(*this);
    test->args.push_back(ParsePostfix(ParsePrimary()));
  }
  if (!negated) return test;
  ExprPtr inverted = Make(ExprKind::kNot);
  inverted->children.push_back(std::move(test));
  return inverted;
}

}  // namespace strata::jinja
