// The oracle: plain code, in double, one element at a time.
#include <cmath>
#include <numbers>

#include "compiler/map_compiler.h"

namespace strata::compiler {
namespace {

double Evaluate(const graph::ExpressionNode& node, double a, double b) {
  using Kind = graph::ExpressionNode::Kind;
  switch (node.kind) {
    case Kind::kInput:
      return 0;  // the caller's
    case Kind::kNumber:
      return node.number;
    case Kind::kAdd:
      return a + b;
    case Kind::kSub:
      return a - b;
    case Kind::kMul:
      return a * b;
    case Kind::kDiv:
      return a / b;
    case Kind::kMin:
      return b < a ? b : a;
    case Kind::kMax:
      return b > a ? b : a;
    case Kind::kNeg:
      return -a;
    case Kind::kAbs:
      return std::fabs(a);
    case Kind::kSqrt:
      return std::sqrt(a);
    case Kind::kRsqrt:
      return 1 / std::sqrt(a);
    case Kind::kExp:
      return std::exp(a);
    case Kind::kTanh:
      return std::tanh(a);
    case Kind::kSigmoid:
      return 1 / (1 + std::exp(-a));
    case Kind::kSilu:
      return a / (1 + std::exp(-a));
    case Kind::kGelu:
      return 0.5 * a * (1 + std::erf(a / std::numbers::sqrt2));
    case Kind::kGeluTanh:
      return 0.5 * a * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (a + 0.044715 * a * a * a)));
    case Kind::kRelu:
      return a < 0 ? 0 : a;
  }
  return 0;
}

}  // namespace

void Interpret(const graph::Expression& expression, const float* const* inputs, const std::int64_t* strides, float* out,
               std::int64_t out_stride, std::int64_t rows, std::int64_t cols) {
  std::vector<double> values(expression.nodes.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const graph::ExpressionNode& node = expression.nodes[i];
        values[i] = node.kind == graph::ExpressionNode::Kind::kInput
                        ? inputs[node.input][r * strides[node.input] + c]
                        : Evaluate(node, node.a < 0 ? 0 : values[static_cast<std::size_t>(node.a)],
                                   node.b < 0 ? 0 : values[static_cast<std::size_t>(node.b)]);
      }
      out[r * out_stride + c] = static_cast<float>(values.back());
    }
  }
}

}  // namespace strata::compiler
