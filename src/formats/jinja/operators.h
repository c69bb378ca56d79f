// Python's binary operators on values.
#pragma once

#include "formats/jinja/ast.h"

namespace strata::jinja {

/// a op b for arithmetic, concatenation, repetition and "%"; raises what Python refuses. Integers are 64 bits wide:
/// what does not fit raises.
Value BinaryOperator(Interpreter& interpreter, Op op, const Value& a, const Value& b);

}  // namespace strata::jinja
