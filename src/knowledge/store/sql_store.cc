#include "knowledge/store/sql_store.h"

#include <limits>

#include "knowledge/store/schema.h"

namespace strata::knowledge::sql {
namespace {

/// Idle connections beyond that are closed.
constexpr std::size_t kIdleConnections = 8;

nlohmann::json ToJson(const StoreOptions& options) {
  return {{"full_precision", options.full_precision}, {"kept_changes", options.kept_changes}};
}

Result<nlohmann::json> ReadSetting(Connection& connection, std::string_view key) {
  nlohmann::json value;
  STRATA_CHECK(connection.Run("SELECT value FROM settings WHERE key = $1", {key}, [&](const Row& row) {
    value = nlohmann::json::parse(row.Text(0), nullptr, false);
    return true;
  }));
  if (value.is_discarded()) return Fail(ErrorCode::kCorrupt, "the setting {} is no JSON", key);
  return value;
}

Status WriteSetting(Connection& connection, std::string_view key, const nlohmann::json& value) {
  const std::string text = Dump(value);
  STRATA_CHECK(
      connection.Run("INSERT INTO settings (key, value) VALUES ($1, $2) "
                     "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                     {key, std::string_view(text)}));
  return {};
}

Result<std::int64_t> ReadNumber(Connection& connection, std::string_view statement) {
  std::int64_t number = 0;
  STRATA_CHECK(connection.Run(statement, {}, [&](const Row& row) {
    number = row.IsNull(0) ? 0 : row.Int(0);
    return true;
  }));
  return number;
}

}  // namespace

Result<std::unique_ptr<SqlStore>> SqlStore::Open(std::unique_ptr<Database> database, const StoreOptions* options) {
  auto store = std::unique_ptr<SqlStore>(new SqlStore(std::move(database)));
  {
    STRATA_TRY(std::unique_ptr<Connection> connection, store->Borrow());
    STRATA_CHECK(Migrate(*connection));
    store->GiveBack(std::move(connection));
  }
  if (options != nullptr) STRATA_CHECK(store->SetSetting("store", ToJson(*options)));
  STRATA_TRY(const nlohmann::json kept, store->Setting("store"));
  if (!kept.is_object()) return Fail(ErrorCode::kCorrupt, "the base was not made to its end");
  store->options_.full_precision = kept.value("full_precision", false);
  store->options_.kept_changes = kept.value("kept_changes", store->options_.kept_changes);
  return store;
}

Result<std::unique_ptr<Connection>> SqlStore::Borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return database_->Connect();
}

void SqlStore::GiveBack(std::unique_ptr<Connection> connection) {
  if (connection->Broken()) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(connection));
}

Result<nlohmann::json> SqlStore::Setting(std::string_view key) {
  return Read([&](Connection& connection) { return ReadSetting(connection, key); });
}

Status SqlStore::SetSetting(std::string_view key, const nlohmann::json& value) {
  return Write([&](Connection& connection) { return WriteSetting(connection, key, value); });
}

Result<Sequence> SqlStore::LastSequence() {
  return Read([&](Connection& connection) -> Result<Sequence> {
    STRATA_TRY(const std::int64_t last, ReadNumber(connection, "SELECT value FROM counters WHERE name = 'sequence'"));
    return static_cast<Sequence>(last);
  });
}

Result<std::optional<std::vector<Change>>> SqlStore::ChangesSince(Sequence sequence, std::size_t limit) {
  return Read([&](Connection& connection) -> Result<std::optional<std::vector<Change>>> {
    STRATA_TRY(const std::int64_t last, ReadNumber(connection, "SELECT value FROM counters WHERE name = 'sequence'"));
    std::vector<Change> changes;
    if (sequence == static_cast<Sequence>(last)) return changes;
    STRATA_TRY(const std::int64_t first, ReadNumber(connection, "SELECT min(sequence) FROM changes"));
    if (sequence > static_cast<Sequence>(last) || first == 0 || sequence + 1 < static_cast<Sequence>(first)) {
      return std::nullopt;
    }
    STRATA_CHECK(
        connection.Run("SELECT sequence, kind, id FROM changes WHERE sequence > $1 ORDER BY sequence LIMIT $2",
                       {static_cast<std::int64_t>(sequence), static_cast<std::int64_t>(limit)}, [&](const Row& row) {
                         changes.push_back({static_cast<Sequence>(row.Int(0)), static_cast<Change::Kind>(row.Int(1)),
                                            static_cast<std::uint32_t>(row.Int(2))});
                         return true;
                       }));
    return changes;
  });
}

Status SqlStore::Compact() {
  STRATA_TRY(std::unique_ptr<Connection> connection, Borrow());
  const std::lock_guard guard(writing_);
  const Status done = database_->Compact(*connection, kTables);
  GiveBack(std::move(connection));
  return done;
}

Result<std::int64_t> TakeNumbers(Connection& connection, std::string_view counter, std::int64_t count) {
  std::int64_t last = 0;
  STRATA_CHECK(connection.Run("UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value",
                              {count, counter}, [&](const Row& row) {
                                last = row.Int(0);
                                return true;
                              }));
  // Documents and chunks have 32 bits (types.h).
  if (counter != "sequence" && counter != "job" && last > std::numeric_limits<std::uint32_t>::max()) {
    return Fail(ErrorCode::kResourceExhausted,
                "the base has given all numbers of a {}: move its documents to a new one", counter);
  }
  return last;
}

Status ChangeLog::Write(Connection& connection, std::int64_t kept) {
  if (changes_.empty()) return {};
  STRATA_TRY(const std::int64_t last, TakeNumbers(connection, "sequence", std::ssize(changes_)));
  std::int64_t sequence = last - std::ssize(changes_);
  for (const Change& change : changes_) {
    STRATA_CHECK(connection.Run("INSERT INTO changes (sequence, kind, id) VALUES ($1, $2, $3)",
                                {++sequence, static_cast<std::int64_t>(change.kind), std::int64_t{change.id}}));
  }
  STRATA_CHECK(connection.Run("DELETE FROM changes WHERE sequence <= $1", {last - kept}));
  return {};
}

std::string Dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace strata::knowledge::sql
