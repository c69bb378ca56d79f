#include "knowledge/document/table_header.h"

#include <algorithm>
#include <set>

namespace strata::knowledge {
namespace {

constexpr std::size_t kSampleRows = 30;
// Longer cells are content.
constexpr std::size_t kMaxName = 80;

/// A number, a date, a price: digits make up most of it.
bool IsValue(std::string_view cell) {
  const auto digits = std::ranges::count_if(cell, [](char c) { return c >= '0' && c <= '9'; });
  return digits > 0 && static_cast<std::size_t>(digits) * 2 >= cell.size();
}

}  // namespace

bool LooksLikeHeader(const TableRows& rows) {
  if (rows.size() < 2 || rows[0].empty()) return false;
  std::set<std::string_view> names;
  std::size_t named = 0;
  for (const std::string& cell : rows[0]) {
    const std::string_view name = TrimSpaces(cell);
    if (name.empty()) continue;
    if (IsValue(name) || name.size() > kMaxName || !names.insert(name).second) return false;
    ++named;
  }
  if (named == 0 || named * 2 < rows[0].size()) return false;
  // A column of values under a name settles it; without any, a name that comes again below is none.
  bool repeated = false;
  for (std::size_t i = 1; i < std::min(rows.size(), kSampleRows); ++i) {
    for (std::size_t column = 0; column < std::min(rows[i].size(), rows[0].size()); ++column) {
      if (IsValue(TrimSpaces(rows[i][column]))) return true;
      repeated = repeated || (!rows[i][column].empty() && rows[i][column] == rows[0][column]);
    }
  }
  return !repeated;
}

}  // namespace strata::knowledge
