#include "formats/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "base/html.h"
#include "formats/jinja/interpreter.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

std::int64_t FloorDiv(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return a % b != 0 && ((a < 0) != (b < 0)) ? q - 1 : q;
}

Value Concatenate(Interpreter& it, const Value& a, const Value& b) {
  if (a.IsString()) {
    it.CheckSize(a.text().size() + b.text().size());
    if (!a.markup() && !b.markup()) return it.MakeString(a.text() + b.text());
    // markupsafe: what is added to a safe text is escaped first.
    return it.MakeString(
        (a.markup() ? a.text() : EscapeHtml(a.text())) + (b.markup() ? b.text() : EscapeHtml(b.text())), true);
  }
  std::vector<Value> items = a.sequence().items;
  it.Step(items.size() + b.sequence().items.size());
  items.insert(items.end(), b.sequence().items.begin(), b.sequence().items.end());
  return MakeSequence(a.sequence().type, std::move(items));
}

Value Repeat(Interpreter& it, const Value& what, std::int64_t count) {
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  if (what.IsString()) {
    std::string text;
    for (std::size_t i = 0; i < times && !what.text().empty(); ++i) {
      text += what.text();
      it.CheckSize(text.size());
    }
    return it.MakeString(std::move(text), what.markup());
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < times && !what.sequence().items.empty(); ++i) {
    it.Step(what.sequence().items.size());
    items.insert(items.end(), what.sequence().items.begin(), what.sequence().items.end());
  }
  return MakeSequence(what.sequence().type, std::move(items));
}

Value Power(std::int64_t base, std::int64_t exponent) {
  if (base == 0 || base == 1) return Value::Int(exponent == 0 ? 1 : base);
  if (base == -1) return Value::Int(exponent % 2 == 0 ? 1 : -1);
  std::int64_t result = 1;
  for (std::int64_t n = 0; n < exponent; ++n) {
    if (__builtin_mul_overflow(result, base, &result)) Raise("integer out of range");
  }
  return Value::Int(result);
}

Value Arithmetic(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case Op::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Op::kSub:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Op::kMul:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Op::kFloorDiv:  // -1 is the one divisor for which the processor's division can overflow
      overflow = b == -1 && __builtin_sub_overflow(std::int64_t{0}, a, &result);
      if (b != -1) result = FloorDiv(a, b);
      break;
    case Op::kMod:
      result = b == -1 ? 0 : a - FloorDiv(a, b) * b;
      break;
    case Op::kDiv:
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case Op::kPow:
      if (a == 0 && b < 0) Raise("0.0 cannot be raised to a negative power");
      return b < 0 ? Value::Float(std::pow(static_cast<double>(a), static_cast<double>(b))) : Power(a, b);
    default:
      break;
  }
  if (overflow) Raise("integer out of range");
  return Value::Int(result);
}

Value Arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return Value::Float(a + b);
    case Op::kSub:
      return Value::Float(a - b);
    case Op::kMul:
      return Value::Float(a * b);
    case Op::kDiv:
      return Value::Float(a / b);
    case Op::kFloorDiv:
      return Value::Float(std::floor(a / b));
    case Op::kMod: {
      const double rest = std::fmod(a, b);
      return Value::Float(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    case Op::kPow: {
      if (a == 0 && b < 0) Raise("0.0 cannot be raised to a negative power");
      const double power = std::pow(a, b);
      if (std::isinf(power) && std::isfinite(a) && std::isfinite(b)) Raise("numerical result out of range");
      if (std::isnan(power) && !std::isnan(a) && !std::isnan(b)) Raise("complex numbers are not supported");
      return Value::Float(power);
    }
    default:
      return {};
  }
}

}  // namespace

Value BinaryOperator(Interpreter& interpreter, Op op, const Value& a, const Value& b) {
  RequireDefined(a);
  if (op == Op::kMod && a.IsString()) return PercentFormat(interpreter, a, b);
  RequireDefined(b);
  const bool sequences = a.Is(Kind::kSequence) && b.Is(Kind::kSequence) && a.sequence().type == b.sequence().type &&
                         a.sequence().type <= SequenceType::kTuple;
  if (op == Op::kAdd && ((a.IsString() && b.IsString()) || sequences)) return Concatenate(interpreter, a, b);
  const auto repeatable = [](const Value& value) {
    return value.IsString() || (value.Is(Kind::kSequence) && value.sequence().type <= SequenceType::kTuple);
  };
  if (op == Op::kMul && repeatable(a) && b.IsIntegral()) return Repeat(interpreter, a, b.integer());
  if (op == Op::kMul && repeatable(b) && a.IsIntegral()) return Repeat(interpreter, b, a.integer());
  if (!a.IsNumber() || !b.IsNumber()) {
    Raise(fmt::format("unsupported operand types: '{}' and '{}'", TypeName(a), TypeName(b)));
  }
  if (b.number() == 0 && (op == Op::kDiv || op == Op::kFloorDiv || op == Op::kMod)) Raise("division by zero");
  return a.IsIntegral() && b.IsIntegral() ? Arithmetic(op, a.integer(), b.integer())
                                          : Arithmetic(op, a.number(), b.number());
}

}  // namespace strata::jinja
