// Filters of numbers. Semantics: jinja2.filters.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "formats/jinja/args.h"
#include "formats/jinja/filters.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

Value Abs(Interpreter&, const Value& value, CallArgs&) {
  RequireDefined(value);
  if (!value.IsNumber()) Raise(fmt::format("bad operand type for abs(): '{}'", TypeName(value)));
  if (value.Is(Kind::kFloat)) return Value::Float(std::fabs(value.number()));
  if (value.integer() == std::numeric_limits<std::int64_t>::min()) Raise("integer out of range");
  return Value::Int(value.integer() < 0 ? -value.integer() : value.integer());
}

/// round() of Python: halves to even, of the number's exact decimal value.
double RoundHalfEven(double value, std::int64_t precision) {
  if (!std::isfinite(value) || precision > 300) return value;
  if (precision < 0) {
    const double scale = std::pow(10, static_cast<double>(std::min<std::int64_t>(-precision, 300)));
    return std::nearbyint(value / scale) * scale;
  }
  char buffer[700];
  std::snprintf(buffer, sizeof(buffer), "%.*f", static_cast<int>(precision), value);
  return std::strtod(buffer, nullptr);
}

Value Round(Interpreter&, const Value& value, CallArgs& args) {
  RequireDefined(value);
  if (!value.IsNumber()) Raise(fmt::format("type {} doesn't define __round__ method", TypeName(value)));
  const std::int64_t precision = Integer(args, 0, "precision", 0);
  const std::string method = Text(args, 1, "method", "common");
  if (method == "common") {
    if (value.Is(Kind::kFloat)) return Value::Float(RoundHalfEven(value.number(), precision));
    return Value::Int(precision >= 0 ? value.integer()
                                     : static_cast<std::int64_t>(RoundHalfEven(value.number(), precision)));
  }
  if (method != "ceil" && method != "floor") Raise("method must be common, ceil or floor");
  const double scale = std::pow(10, static_cast<double>(precision));
  const double scaled = value.number() * scale;
  return Value::Float((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value ToInt(Interpreter&, const Value& value, CallArgs& args) {
  const Value* given = args.Get(0, "default");
  const Value fallback = given == nullptr ? Value::Int(0) : *given;
  Value number = value;
  if (value.IsString()) {
    number = ParseInt(value.text(), Integer(args, 1, "base", 10));
    if (!number.IsNumber()) number = ParseFloat(value.text());
  }
  if (number.IsIntegral()) return Value::Int(number.integer());
  if (!number.Is(Kind::kFloat) || !(std::fabs(number.number()) < 9.2e18)) return fallback;
  return Value::Int(static_cast<std::int64_t>(number.number()));
}

Value ToFloat(Interpreter&, const Value& value, CallArgs& args) {
  const Value* given = args.Get(0, "default");
  const Value number = value.IsString() ? ParseFloat(value.text()) : value;
  if (number.IsNumber()) return Value::Float(number.number());
  return given == nullptr ? Value::Float(0) : *given;
}

}  // namespace

void AddNumberFilters(FilterTable& filters) {
  filters["abs"] = {Abs, ""};
  filters["float"] = {ToFloat, "default"};
  filters["int"] = {ToInt, "default base"};
  filters["round"] = {Round, "precision method"};
}

}  // namespace strata::jinja
