#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>

#include "grammar/numbers.h"

namespace strata::grammar {
namespace {

constexpr std::int64_t kMaxPoint = 400;
constexpr std::size_t kMaxDigits = 1'000;

/// Takes the digits at the front of `text`.
std::string_view TakeDigits(std::string_view& text) {
  const std::size_t length = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

bool Take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<Decimal> Decimal::Parse(std::string_view json_number) {
  std::string_view text = json_number;
  const auto invalid = [json_number] {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a JSON number", json_number.substr(0, 50));
  };
  Decimal number;
  number.negative = Take(text, '-');
  const std::string_view whole = TakeDigits(text);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return invalid();
  number.digits = whole;
  if (Take(text, '.')) {
    const std::string_view fraction = TakeDigits(text);
    if (fraction.empty()) return invalid();
    number.digits += fraction;
  }
  std::int64_t exponent = 0;
  if (Take(text, 'e') || Take(text, 'E')) {
    const bool down = Take(text, '-');
    if (!down) Take(text, '+');
    const std::string_view digits = TakeDigits(text);
    if (digits.empty()) return invalid();
    constexpr std::int64_t kHuge = 1'000'000'000;  // refused below, whatever comes
    for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), kHuge);
    if (down) exponent = -exponent;
  }
  if (!text.empty()) return invalid();
  const std::size_t zeros = std::min(number.digits.find_first_not_of('0'), number.digits.size());
  number.point = static_cast<std::int64_t>(whole.size()) - static_cast<std::int64_t>(zeros) + exponent;
  number.digits.erase(0, zeros);
  number.digits.erase(number.digits.find_last_not_of('0') + 1);
  if (number.digits.empty()) return Decimal();
  if (number.digits.size() > kMaxDigits || number.point > kMaxPoint || number.point < -kMaxPoint) {
    return Fail(ErrorCode::kUnsupported, "the number '{}' is beyond 10^±{} or {} digits", json_number.substr(0, 50),
                kMaxPoint, kMaxDigits);
  }
  return number;
}

Decimal Decimal::Of(double number) {
  assert(std::isfinite(number));
  auto decimal = Parse(std::abs(number) < 0x1p53 ? fmt::format("{}", number) : fmt::format("{:.0f}", number));
  return *std::move(decimal);  // within the limits, as all doubles are
}

bool Decimal::IsInteger() const { return point >= static_cast<std::int64_t>(digits.size()); }

int Decimal::Compare(const Decimal& a, const Decimal& b) {
  const auto sign = [](const Decimal& x) { return x.digits.empty() ? 0 : x.negative ? -1 : 1; };
  if (sign(a) != sign(b)) return sign(a) < sign(b) ? -1 : 1;
  if (sign(a) == 0) return 0;
  // No digits lead or trail in vain, so the point decides, and then the order of words.
  const int larger = a.point != b.point ? (a.point < b.point ? -1 : 1) : a.digits.compare(b.digits);
  return larger == 0 ? 0 : (larger > 0) != a.negative ? 1 : -1;
}

std::string Decimal::WholeDigits() const {
  if (point <= 0) return "0";
  std::string whole = digits.substr(0, static_cast<std::size_t>(point));
  whole.resize(static_cast<std::size_t>(point), '0');
  return whole;
}

std::string Decimal::FractionDigits() const {
  if (IsInteger()) return "";
  if (point > 0) return digits.substr(static_cast<std::size_t>(point));
  return std::string(static_cast<std::size_t>(-point), '0') + digits;
}

std::string Decimal::ToString() const {
  const std::string fraction = FractionDigits();
  return (negative ? "-" : "") + WholeDigits() + (fraction.empty() ? "" : "." + fraction);
}

}  // namespace strata::grammar
