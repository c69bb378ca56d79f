#include "graph/expression.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace strata::graph {
namespace {

using Kind = ExpressionNode::Kind;

struct FunctionName {
  std::string_view name;
  Kind kind;
  int operands;
};
constexpr std::array kFunctions = {
    FunctionName{"silu", Kind::kSilu, 1},
    FunctionName{"gelu", Kind::kGelu, 1},
    FunctionName{"gelu_tanh", Kind::kGeluTanh, 1},
    FunctionName{"relu", Kind::kRelu, 1},
    FunctionName{"sigmoid", Kind::kSigmoid, 1},
    FunctionName{"tanh", Kind::kTanh, 1},
    FunctionName{"exp", Kind::kExp, 1},
    FunctionName{"neg", Kind::kNeg, 1},
    FunctionName{"abs", Kind::kAbs, 1},
    FunctionName{"sqrt", Kind::kSqrt, 1},
    FunctionName{"rsqrt", Kind::kRsqrt, 1},
    FunctionName{"min", Kind::kMin, 2},
    FunctionName{"max", Kind::kMax, 2},
};

/// Recursive descent: sum := product (("+"|"-") product)*, product := unary (("*"|"/") unary)*.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Expression> Parse() {
    STRATA_TRY([[maybe_unused]] const int root, Sum(0));
    SkipSpace();
    if (at_ != text_.size()) return Unexpected("the end");
    return std::move(out_);
  }

 private:
  // Far deeper than any model's activation; keeps hostile text from exhausting the stack.
  static constexpr int kMaxDepth = 100;

  std::unexpected<Error> Unexpected(std::string_view wanted) const {
    return Fail(ErrorCode::kInvalidArgument, "expression '{}', column {}: expected {}", text_, at_ + 1, wanted);
  }
  void SkipSpace() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  int Add(ExpressionNode node) {
    out_.nodes.push_back(node);
    return static_cast<int>(out_.nodes.size()) - 1;
  }

  Result<int> Sum(int depth) {
    STRATA_TRY(int left, Product(depth));
    for (;;) {
      const bool plus = Take('+');
      if (!plus && !Take('-')) return left;
      STRATA_TRY(const int right, Product(depth));
      left = Add({plus ? Kind::kAdd : Kind::kSub, 0, 0, left, right});
    }
  }

  Result<int> Product(int depth) {
    STRATA_TRY(int left, Unary(depth));
    for (;;) {
      const bool times = Take('*');
      if (!times && !Take('/')) return left;
      STRATA_TRY(const int right, Unary(depth));
      left = Add({times ? Kind::kMul : Kind::kDiv, 0, 0, left, right});
    }
  }

  Result<int> Unary(int depth) {
    if (depth > kMaxDepth) return Fail(ErrorCode::kInvalidArgument, "expression nested deeper than {}", kMaxDepth);
    if (Take('(')) {
      STRATA_TRY(const int inner, Sum(depth + 1));
      if (!Take(')')) return Unexpected("')'");
      return inner;
    }
    SkipSpace();
    if (at_ >= text_.size()) return Unexpected("a value");
    const char c = text_[at_];
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-') return Number();
    return Name(depth);
  }

  Result<int> Number() {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return Unexpected("a number");
    at_ += static_cast<std::size_t>(end - begin);
    return Add({Kind::kNumber, 0, value, -1, -1});
  }

  Result<int> Name(int depth) {
    const std::size_t start = at_;
    std::size_t end = at_;
    while (end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) != 0 || text_[end] == '_'))
      ++end;
    const std::string_view name = text_.substr(start, end - start);
    if (name.size() > 1 && name[0] == 'a') {
      int index = 0;
      const auto [stop, error] = std::from_chars(name.data() + 1, name.data() + name.size(), index);
      if (error == std::errc() && stop == name.data() + name.size() && index < 64) {
        at_ = end;
        out_.inputs = std::max(out_.inputs, index + 1);
        return Add({Kind::kInput, index, 0, -1, -1});
      }
    }
    const auto* function =
        std::find_if(kFunctions.begin(), kFunctions.end(), [&](const auto& f) { return f.name == name; });
    if (function == kFunctions.end()) return Unexpected("an input (a0, a1, ...), a number or a function");
    at_ = end;
    if (!Take('(')) return Unexpected("'('");
    STRATA_TRY(const int a, Sum(depth + 1));
    int b = -1;
    if (function->operands == 2) {
      if (!Take(',')) return Unexpected("','");
      STRATA_TRY(b, Sum(depth + 1));
    }
    if (!Take(')')) return Unexpected("')'");
    return Add({function->kind, 0, 0, a, b});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Expression out_;
};

int Precedence(Kind kind) {
  if (kind == Kind::kAdd || kind == Kind::kSub) return 1;
  if (kind == Kind::kMul || kind == Kind::kDiv) return 2;
  return 3;
}

/// Text of one node; parentheses wherever left-associative parsing would otherwise build another tree.
std::string Text(const Expression& expression, int index) {
  const ExpressionNode& node = expression.nodes[static_cast<std::size_t>(index)];
  if (node.kind == Kind::kInput) return fmt::format("a{}", node.input);
  if (node.kind == Kind::kNumber) return fmt::format("{}", node.number);
  const int precedence = Precedence(node.kind);
  if (precedence < 3) {
    const auto operand = [&](int child, bool right) {
      const int inner = Precedence(expression.nodes[static_cast<std::size_t>(child)].kind);
      const std::string text = Text(expression, child);
      return inner < precedence || (right && inner == precedence) ? "(" + text + ")" : text;
    };
    constexpr std::string_view kSymbols = "+-*/";
    const char symbol = kSymbols[static_cast<std::size_t>(node.kind) - static_cast<std::size_t>(Kind::kAdd)];
    return fmt::format("{} {} {}", operand(node.a, false), symbol, operand(node.b, true));
  }
  const auto* function =
      std::find_if(kFunctions.begin(), kFunctions.end(), [&](const auto& f) { return f.kind == node.kind; });
  if (function->operands == 2)
    return fmt::format("{}({}, {})", function->name, Text(expression, node.a), Text(expression, node.b));
  return fmt::format("{}({})", function->name, Text(expression, node.a));
}

}  // namespace

std::string Expression::ToString() const {
  return nodes.empty() ? "" : Text(*this, static_cast<int>(nodes.size()) - 1);
}

Result<Expression> ParseExpression(std::string_view text) { return Parser(text).Parse(); }

Expression Substitute(const Expression& outer, int index, const Expression& inner, const std::vector<int>& outer_inputs,
                      const std::vector<int>& inner_inputs) {
  Expression result;
  const auto append = [&](ExpressionNode node, const std::vector<int>& moved) {
    if (node.a >= 0) node.a = moved[static_cast<std::size_t>(node.a)];
    if (node.b >= 0) node.b = moved[static_cast<std::size_t>(node.b)];
    result.nodes.push_back(node);
    return static_cast<int>(result.nodes.size()) - 1;
  };
  const auto renumber = [&](ExpressionNode node, const std::vector<int>& inputs) {
    if (node.kind == Kind::kInput) {
      node.input = inputs[static_cast<std::size_t>(node.input)];
      result.inputs = std::max(result.inputs, node.input + 1);
    }
    return node;
  };
  std::vector<int> moved;
  for (const ExpressionNode& node : outer.nodes) {
    if (node.kind == Kind::kInput && node.input == index) {
      std::vector<int> moved_inner;
      for (const ExpressionNode& part : inner.nodes)
        moved_inner.push_back(append(renumber(part, inner_inputs), moved_inner));
      moved.push_back(moved_inner.back());
    } else {
      moved.push_back(append(renumber(node, outer_inputs), moved));
    }
  }
  return result;
}

}  // namespace strata::graph
