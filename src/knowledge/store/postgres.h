// PostgreSQL (libpq) as a database of many bases: each is a schema "strata_BASE".
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "knowledge/store/sql.h"

namespace strata::knowledge::sql {

struct PostgresLocation {
  std::string url;   ///< as libpq takes it
  std::string base;  ///< letters, digits, '_' and '-'
};

/// "postgres://USER@HOST/DATABASE#BASE". Passwords come by libpq's ways (PGPASSWORD, ~/.pgpass) or in the URL. Errors:
/// kInvalidArgument; they never repeat the URL, which may have a password.
Result<PostgresLocation> ParsePostgresUrl(std::string_view url);

/// Connections find the schema's tables; the schema need not be there yet.
std::unique_ptr<Database> PostgresAt(const PostgresLocation& location);

Result<bool> HasPostgresSchema(const PostgresLocation& location);
/// Errors: kInvalidArgument when it is there already.
Status CreatePostgresSchema(const PostgresLocation& location);
Status DropPostgresSchema(const PostgresLocation& location);

}  // namespace strata::knowledge::sql
