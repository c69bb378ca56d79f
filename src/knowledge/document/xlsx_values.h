// Numbers of spreadsheets as they are shown.
#pragma once

#include <string>
#include <string_view>

namespace strata::knowledge {

enum class NumberKind : unsigned char { kPlain, kPercent, kDate, kTime, kDateTime };

/// By the id of a number format (ECMA-376 part 1, 18.8.30) and, for ids from 164, its code.
NumberKind KindOfFormat(int id, std::string_view code);

/// A cell's stored number: "45231.5" as a date -> "2023-11-01 12:00:00"; plain numbers without noise in their last
/// digits ("0.30000000000000004" -> "0.3"). `from_1904`: the workbook counts days from 1904-01-01.
std::string ShownNumber(std::string_view stored, NumberKind kind, bool from_1904);

/// "BC12" -> column 54 (from 0); -1 where it is no reference. Numbers of rows are given back through `row` (from 1).
int ColumnOf(std::string_view reference, int* row = nullptr);

}  // namespace strata::knowledge
