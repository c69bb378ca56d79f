// SQLite as a database of one base: a file, its write-ahead log, and a lock file for the lease.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "knowledge/store/sql.h"

namespace strata::knowledge::sql {

/// The database in a folder. Connections make the file where there is none.
std::unique_ptr<Database> SqliteIn(const std::string& folder);
/// Whether there is one.
bool HasSqlite(const std::string& folder);
/// Removes its files, and the folder if nothing else is in it.
Status RemoveSqlite(const std::string& folder);

}  // namespace strata::knowledge::sql
