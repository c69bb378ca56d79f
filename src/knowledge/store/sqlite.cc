#include "knowledge/store/sqlite.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

namespace strata::knowledge::sql {
namespace {

/// How long a statement waits for another process that writes.
constexpr int kBusyMilliseconds = 30000;

constexpr Dialect kDialect = {.integer = "INTEGER",
                              .real = "REAL",
                              .bytes = "BLOB",
                              .key = "TEXT",
                              .id_list = "(SELECT value FROM json_each($1))"};

std::string FileIn(const std::string& folder) { return folder + "/base.db"; }

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  double Real(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string_view Text(int column) const override { return Blob(column); }
  std::string_view Blob(int column) const override {
    const void* data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return {static_cast<const char*>(data), data == nullptr ? 0 : size};
  }

 private:
  sqlite3_stmt* statement_;
};

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection() override {
    for (const auto& [text, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  Status Open() {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path_.c_str(), &database_, flags, nullptr) != SQLITE_OK) return Error("opening it");
    std::error_code ignored;  // the log and its index get the same rights
    std::filesystem::permissions(path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                                 ignored);
    sqlite3_busy_timeout(database_, kBusyMilliseconds);
    sqlite3_extended_result_codes(database_, 1);
    // secure_delete: freed bytes are overwritten with zeros. trusted_schema, cell checks: the file may be of anybody.
    for (const std::string_view pragma :
         {"PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
          "PRAGMA secure_delete = ON", "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF",
          "PRAGMA cell_size_check = ON", "PRAGMA temp_store = MEMORY", "PRAGMA journal_size_limit = 67108864"}) {
      STRATA_CHECK(Connection::Run(pragma));
    }
    return {};
  }

  using Connection::Run;
  Result<std::int64_t> Run(std::string_view text, std::span<const Value> values, const Visit& visit) override {
    STRATA_TRY(sqlite3_stmt * statement, Prepared(text));
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
      const char* name = sqlite3_bind_parameter_name(statement, i);  // "$1"
      const auto place = static_cast<std::size_t>(std::atoi(name + 1)) - 1;
      if (Bind(statement, i, values[place]) != SQLITE_OK) return Error(text);
    }
    const SqliteRow row(statement);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      if (visit && !visit(row)) break;
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
      auto error = Error(text);
      sqlite3_reset(statement);
      return error;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return sqlite3_changes64(database_);
  }

  Status Begin(Mode mode) override {
    if (mode != Mode::kRead) {
      // NORMAL does not sync the log at each commit; a later durable commit does, so order is kept.
      STRATA_CHECK(
          Connection::Run(mode == Mode::kDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
    }
    STRATA_CHECK(Connection::Run(mode == Mode::kRead ? "BEGIN" : "BEGIN IMMEDIATE"));
    return {};
  }
  Status Commit() override {
    STRATA_CHECK(Connection::Run("COMMIT"));
    return {};
  }
  void Rollback() override {
    if (sqlite3_get_autocommit(database_) != 0) return;  // the database has rolled back already
    [[maybe_unused]] const auto result = Connection::Run("ROLLBACK");
  }

  const Dialect& dialect() const override { return kDialect; }
  bool Broken() const override { return false; }

 private:
  std::unexpected<strata::Error> Error(std::string_view what) const {
    const int code = sqlite3_errcode(database_) & 0xff;
    const ErrorCode kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? ErrorCode::kUnavailable
                           : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::kCorrupt
                           : code == SQLITE_FULL || code == SQLITE_TOOBIG    ? ErrorCode::kResourceExhausted
                                                                             : ErrorCode::kIo;
    return Fail(kind, "{}: {} ({})", path_, sqlite3_errmsg(database_), what.substr(0, what.find_first_of("(\n")));
  }

  Result<sqlite3_stmt*> Prepared(std::string_view text) {
    if (const auto found = statements_.find(std::string(text)); found != statements_.end()) return found->second;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database_, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr) != SQLITE_OK) {
      return Error(text);
    }
    statements_.emplace(text, statement);
    return statement;
  }

  static int Bind(sqlite3_stmt* statement, int place, const Value& value) {
    struct Binder {
      sqlite3_stmt* statement;
      int place;
      int operator()(Null) const { return sqlite3_bind_null(statement, place); }
      int operator()(std::int64_t number) const { return sqlite3_bind_int64(statement, place, number); }
      int operator()(double number) const { return sqlite3_bind_double(statement, place, number); }
      int operator()(std::string_view text) const {
        return sqlite3_bind_text64(statement, place, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
      }
      int operator()(Bytes bytes) const {
        const std::string_view data = bytes.data;
        return sqlite3_bind_blob64(statement, place, data.empty() ? "" : data.data(), data.size(), SQLITE_STATIC);
      }
    };
    return std::visit(Binder{statement, place}, value);
  }

  std::string path_;
  sqlite3* database_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

/// A lock on a file, which the kernel takes back when the process ends.
class FileLease final : public Lease {
 public:
  explicit FileLease(int descriptor) : descriptor_(descriptor) {}
  FileLease(const FileLease&) = delete;
  FileLease& operator=(const FileLease&) = delete;
  ~FileLease() override { ::close(descriptor_); }
  bool Held() override { return true; }

 private:
  int descriptor_;
};

class SqliteDatabase final : public Database {
 public:
  explicit SqliteDatabase(std::string folder) : folder_(std::move(folder)) {}

  Result<std::unique_ptr<Connection>> Connect() override {
    auto connection = std::make_unique<SqliteConnection>(FileIn(folder_));
    STRATA_CHECK(connection->Open());
    return connection;
  }

  Result<std::unique_ptr<Lease>> TryLease() override {
    const std::string path = folder_ + "/lease";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return Fail(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return std::make_unique<FileLease>(descriptor);
    const int error = errno;
    ::close(descriptor);
    if (error == EWOULDBLOCK) return nullptr;
    return Fail(ErrorCode::kIo, "cannot lock {}: {}", path, std::strerror(error));
  }

  Status Compact(Connection& connection, std::span<const std::string_view>) override {
    // secure_delete has overwritten what was deleted in the pages; images of these pages from before are in the log
    // until it is taken over whole and cut. A reader of long ago can hinder that.
    STRATA_CHECK(connection.Run("PRAGMA incremental_vacuum"));
    bool busy = false;
    STRATA_CHECK(connection.Run("PRAGMA wal_checkpoint(TRUNCATE)", {}, [&](const Row& row) {
      busy = row.Int(0) != 0;
      return true;
    }));
    if (busy) return Fail(ErrorCode::kUnavailable, "{} is being read: its log cannot be cut now", FileIn(folder_));
    return {};
  }

 private:
  std::string folder_;
};

}  // namespace

std::unique_ptr<Database> SqliteIn(const std::string& folder) { return std::make_unique<SqliteDatabase>(folder); }

bool HasSqlite(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(FileIn(folder), ignored);
}

Status RemoveSqlite(const std::string& folder) {
  std::error_code error;
  for (const char* ending : {"", "-wal", "-shm"}) {
    std::filesystem::remove(FileIn(folder) + ending, error);
    if (error) return Fail(ErrorCode::kIo, "cannot remove {}{}: {}", FileIn(folder), ending, error.message());
  }
  std::filesystem::remove(folder + "/lease", error);
  std::filesystem::remove(folder, error);  // stays where something else is in it
  return {};
}

}  // namespace strata::knowledge::sql
