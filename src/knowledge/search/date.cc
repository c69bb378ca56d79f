#include "knowledge/search/date.h"

#include <chrono>

namespace strata::knowledge {
namespace {

/// Takes what it asks for off the front of a text; once something was not there, nothing is.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  /// A number of exactly so many digits within [low, high].
  int Number(std::size_t digits, int low, int high) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (i >= rest_.size() || rest_[i] < '0' || rest_[i] > '9') return Fail();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value < low || value > high ? Fail() : value;
  }
  void Expect(char c) {
    if (!Take(c)) Fail();
  }
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Of a second, of any number of digits, in milliseconds.
  int Fraction() {
    int milliseconds = 0, scale = 100;
    if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') return Fail();
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      milliseconds += (rest_.front() - '0') * scale;
      scale /= 10;
      rest_.remove_prefix(1);
    }
    return milliseconds;
  }
  bool AtEnd() const { return rest_.empty(); }
  bool good() const { return good_; }

 private:
  int Fail() {
    good_ = false;
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

std::chrono::milliseconds ScanTime(Scanner& scan) {
  std::chrono::milliseconds time = std::chrono::hours(scan.Number(2, 0, 23));
  scan.Expect(':');
  time += std::chrono::minutes(scan.Number(2, 0, 59));
  if (scan.Take(':')) {
    time += std::chrono::seconds(scan.Number(2, 0, 60));
    if (scan.Take('.')) time += std::chrono::milliseconds(scan.Fraction());
  }
  if (scan.Take('Z')) return time;
  const bool east = scan.Take('+');
  if (!east && !scan.Take('-')) return time;
  std::chrono::minutes offset = std::chrono::hours(scan.Number(2, 0, 23));
  scan.Take(':');
  offset += std::chrono::minutes(scan.Number(2, 0, 59));
  return east ? time - offset : time + offset;
}

}  // namespace

std::optional<std::int64_t> ParseDate(std::string_view text) {
  Scanner scan(text);
  const int year = scan.Number(4, 0, 9999);
  scan.Expect('-');
  const int month = scan.Number(2, 1, 12);
  scan.Expect('-');
  const int day = scan.Number(2, 1, 31);
  if (!scan.good()) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  std::chrono::milliseconds since = std::chrono::sys_days(date).time_since_epoch();
  if (!scan.AtEnd()) {
    if (!scan.Take('T')) scan.Expect(' ');
    since += ScanTime(scan);
  }
  if (!scan.good() || !scan.AtEnd()) return std::nullopt;
  return since.count();
}

}  // namespace strata::knowledge
