// The tables of a base, and how those of older versions become those of this one.
#pragma once

#include <array>
#include <string_view>

#include "base/result.h"
#include "knowledge/store/sql.h"

namespace strata::knowledge::sql {

/// Brings the tables to the newest version, in one transaction; makes them where there are none. Errors: kUnsupported
/// when they are of a newer version than this program knows.
Status Migrate(Connection& connection);

inline constexpr std::array<std::string_view, 9> kTables = {"settings", "counters", "documents", "texts",  "chunks",
                                                            "vectors",  "changes",  "jobs",      "uploads"};

}  // namespace strata::knowledge::sql
