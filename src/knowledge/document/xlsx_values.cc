#include "knowledge/document/xlsx_values.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

namespace strata::knowledge {
namespace {

constexpr int kMaxColumns = 16384;
// 9999-12-31, the last day that a spreadsheet knows.
constexpr double kLastDay = 2958466;

NumberKind KindOfCode(std::string_view code) {
  code = code.substr(0, code.find(';'));
  bool date = false, time = false, percent = false, minutes = false;
  for (std::size_t i = 0; i < code.size(); ++i) {
    switch (code[i]) {
      case '"':
        i = std::min(code.find('"', i + 1), code.size());
        break;
      case '\\':
      case '_':
      case '*':
        ++i;
        break;
      case '[': {
        // Elapsed time is in brackets, like colours and locales.
        const std::size_t end = std::min(code.find(']', i), code.size());
        const char first = i + 1 < end ? code[i + 1] : '\0';
        time = time || (end - i <= 3 && std::string_view("hHmMsS").contains(first));
        i = end;
        break;
      }
      case 'y':
      case 'Y':
      case 'd':
      case 'D':
        date = true;
        break;
      case 'h':
      case 'H':
      case 's':
      case 'S':
        time = true;
        break;
      case 'm':
      case 'M':
        minutes = true;
        break;
      case '%':
        percent = true;
        break;
      case 'G':
      case 'g':
        return NumberKind::kPlain;  // General
      default:
        break;
    }
  }
  if (minutes && !time) date = true;
  if (date) return time ? NumberKind::kDateTime : NumberKind::kDate;
  if (time) return NumberKind::kTime;
  return percent ? NumberKind::kPercent : NumberKind::kPlain;
}

std::string PlainNumber(double value) {
  // 15 digits are all that a spreadsheet keeps.
  std::string text = fmt::format("{:.15g}", value);
  return text;
}

}  // namespace

NumberKind KindOfFormat(int id, std::string_view code) {
  if (id == 9 || id == 10) return NumberKind::kPercent;
  if (id >= 14 && id <= 17) return NumberKind::kDate;
  if ((id >= 18 && id <= 21) || (id >= 45 && id <= 47)) return NumberKind::kTime;
  if (id == 22) return NumberKind::kDateTime;
  if (id >= 27 && id <= 58 && id != 49) return id >= 37 && id <= 44 ? NumberKind::kPlain : NumberKind::kDate;
  return id >= 164 ? KindOfCode(code) : NumberKind::kPlain;
}

std::string ShownNumber(std::string_view stored, NumberKind kind, bool from_1904) {
  double value = 0;
  const auto [end, error] = std::from_chars(stored.data(), stored.data() + stored.size(), value);
  if (error != std::errc() || end != stored.data() + stored.size() || !std::isfinite(value)) return std::string(stored);
  if (kind == NumberKind::kPercent) return PlainNumber(value * 100) + "%";
  if (kind == NumberKind::kPlain || value < 0 || value >= kLastDay) return PlainNumber(value);
  const double whole = std::floor(value);
  auto seconds = static_cast<std::int64_t>(std::llround((value - whole) * 86400));
  auto days = static_cast<std::int64_t>(whole) + seconds / 86400;
  seconds %= 86400;
  const std::string clock = fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (kind == NumberKind::kTime) {
    return fmt::format("{:02}:{:02}:{:02}", days * 24 + seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
  // Day 60 is 1900-02-29, which there was not: days before it are one off.
  if (!from_1904 && days < 60) ++days;
  const auto epoch = from_1904 ? std::chrono::sys_days(std::chrono::year(1904) / 1 / 1)
                               : std::chrono::sys_days(std::chrono::year(1899) / 12 / 30);
  const std::chrono::year_month_day date(epoch + std::chrono::days(days));
  const std::string day = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return kind == NumberKind::kDate && seconds == 0 ? day : day + " " + clock;
}

int ColumnOf(std::string_view reference, int* row) {
  int column = 0;
  std::size_t at = 0;
  for (; at < reference.size() && at < 4 && reference[at] >= 'A' && reference[at] <= 'Z'; ++at) {
    column = column * 26 + (reference[at] - 'A' + 1);
  }
  if (at == 0 || column > kMaxColumns) return -1;
  if (row != nullptr) std::from_chars(reference.data() + at, reference.data() + reference.size(), *row);
  return column - 1;
}

}  // namespace strata::knowledge
