#include "knowledge/store/store.h"

#include <filesystem>

#include "knowledge/store/postgres.h"
#include "knowledge/store/sql_store.h"
#include "knowledge/store/sqlite.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

/// A new folder is one that only its owner can look into.
Status MakePrivateFolder(const std::string& folder) {
  std::error_code error;
  if (fs::create_directories(folder, error)) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return Fail(ErrorCode::kIo, "cannot make the folder {}: {}", folder, error.message());
  return {};
}

}  // namespace

Result<DocumentRecord> Store::Put(const DocumentVersion& version) {
  STRATA_TRY(std::vector<DocumentRecord> records, PutSource(version.record.uri, std::span(&version, 1)));
  return std::move(records.front());
}

bool IsDatabaseUrl(std::string_view location) {
  return location.starts_with("postgres://") || location.starts_with("postgresql://");
}

Result<std::unique_ptr<Store>> CreateStore(const std::string& location, const StoreOptions& options) {
  if (IsDatabaseUrl(location)) {
    STRATA_TRY(const sql::PostgresLocation place, sql::ParsePostgresUrl(location));
    STRATA_CHECK(sql::CreatePostgresSchema(place));
    return sql::SqlStore::Open(sql::PostgresAt(place), &options);
  }
  if (sql::HasSqlite(location)) return Fail(ErrorCode::kInvalidArgument, "there is a base in {} already", location);
  STRATA_CHECK(MakePrivateFolder(location));
  return sql::SqlStore::Open(sql::SqliteIn(location), &options);
}

Result<std::unique_ptr<Store>> OpenStore(const std::string& location) {
  if (IsDatabaseUrl(location)) {
    STRATA_TRY(const sql::PostgresLocation place, sql::ParsePostgresUrl(location));
    STRATA_TRY(const bool found, sql::HasPostgresSchema(place));
    if (!found) return Fail(ErrorCode::kNotFound, "there is no base {} in that database", place.base);
    return sql::SqlStore::Open(sql::PostgresAt(place), nullptr);
  }
  if (!sql::HasSqlite(location)) return Fail(ErrorCode::kNotFound, "there is no base in {}", location);
  return sql::SqlStore::Open(sql::SqliteIn(location), nullptr);
}

Status DeleteStore(const std::string& location) {
  if (IsDatabaseUrl(location)) {
    STRATA_TRY(const sql::PostgresLocation place, sql::ParsePostgresUrl(location));
    STRATA_TRY(const bool found, sql::HasPostgresSchema(place));
    if (!found) return Fail(ErrorCode::kNotFound, "there is no base {} in that database", place.base);
    return sql::DropPostgresSchema(place);
  }
  if (!sql::HasSqlite(location)) return Fail(ErrorCode::kNotFound, "there is no base in {}", location);
  return sql::RemoveSqlite(location);
}

}  // namespace strata::knowledge
