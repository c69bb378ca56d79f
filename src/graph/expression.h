// The scalar expressions of `map`: "a1 * silu(a0)", "a0 + a1". ai is the i-th input; functions: silu, gelu, gelu_tanh,
// relu, sigmoid, tanh, exp, neg, abs, sqrt, rsqrt, min, max. Binary + - * /, numbers, parentheses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::graph {

struct ExpressionNode {
  enum class Kind : std::uint8_t {
    kInput,
    kNumber,
    kAdd,
    kSub,
    kMul,
    kDiv,
    kMin,
    kMax,
    kNeg,
    kAbs,
    kSqrt,
    kRsqrt,
    kExp,
    kTanh,
    kSigmoid,
    kSilu,
    kGelu,
    kGeluTanh,
    kRelu
  };
  Kind kind;
  int input = 0;      ///< kInput
  double number = 0;  ///< kNumber
  int a = -1;         ///< operands: indices of earlier nodes
  int b = -1;
};

/// Nodes in evaluation order; the last one is the value.
struct Expression {
  std::vector<ExpressionNode> nodes;
  int inputs = 0;                ///< 1 + the highest input index
  std::string ToString() const;  ///< canonical text; ParseExpression(ToString()) gives the same nodes
};

/// Errors: kInvalidArgument with the column.
Result<Expression> ParseExpression(std::string_view text);

/// `outer` with its input `index` replaced by `inner`; `inner`'s inputs are renumbered by `inner_inputs`, the other
/// inputs of `outer` by `outer_inputs` (both map old index -> new index).
Expression Substitute(const Expression& outer, int index, const Expression& inner, const std::vector<int>& outer_inputs,
                      const std::vector<int>& inner_inputs);

}  // namespace strata::graph
