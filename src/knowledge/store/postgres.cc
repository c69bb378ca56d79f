#include "knowledge/store/postgres.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "base/hash.h"

namespace strata::knowledge::sql {
namespace {

constexpr Dialect kDialect = {.integer = "bigint",
                              .real = "double precision",
                              .bytes = "bytea",
                              .key = R"(text COLLATE "C")",
                              .id_list = "(SELECT value::bigint FROM json_array_elements_text($1::json))"};

// Of pg_type: what parameters are declared as, so that binary values mean what the columns do.
constexpr Oid kInt8 = 20, kFloat8 = 701, kText = 25, kBytea = 17;

// Advisory locks are two numbers: which base, and what for.
enum class LockFor : std::int32_t { kWriting = 1, kLease = 2 };

using ResultPtr = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::uint64_t BigEndian(std::uint64_t value) {
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

/// Values come and go in binary form: 64-bit numbers in network order, text and bytes as they are.
class PostgresRow final : public Row {
 public:
  explicit PostgresRow(const PGresult* result) : result_(result) {}
  bool IsNull(int column) const override { return PQgetisnull(result_, 0, column) == 1; }
  std::int64_t Int(int column) const override { return std::bit_cast<std::int64_t>(Number(column)); }
  double Real(int column) const override { return std::bit_cast<double>(Number(column)); }
  std::string_view Text(int column) const override { return Blob(column); }
  std::string_view Blob(int column) const override {
    return {PQgetvalue(result_, 0, column), static_cast<std::size_t>(PQgetlength(result_, 0, column))};
  }

 private:
  std::uint64_t Number(int column) const {
    std::uint64_t value = 0;
    if (Blob(column).size() == sizeof(value)) std::memcpy(&value, Blob(column).data(), sizeof(value));
    return BigEndian(value);
  }
  const PGresult* result_;
};

/// Parameters as libpq wants them.
struct Parameters {
  explicit Parameters(std::span<const Value> values) : numbers(values.size()) {
    for (std::size_t i = 0; i < values.size(); ++i) std::visit([&](auto value) { Push(i, value); }, values[i]);
  }
  void Push(std::size_t, Null) { Push(0, nullptr, 0); }
  void Push(std::size_t i, std::int64_t number) { PushNumber(i, kInt8, std::bit_cast<std::uint64_t>(number)); }
  void Push(std::size_t i, double number) { PushNumber(i, kFloat8, std::bit_cast<std::uint64_t>(number)); }
  void Push(std::size_t, std::string_view text) { Push(kText, text.empty() ? "" : text.data(), text.size()); }
  void Push(std::size_t, Bytes bytes) { Push(kBytea, bytes.data.empty() ? "" : bytes.data.data(), bytes.data.size()); }
  void PushNumber(std::size_t i, Oid type, std::uint64_t number) {
    numbers[i] = BigEndian(number);
    Push(type, reinterpret_cast<const char*>(&numbers[i]), sizeof(number));
  }
  void Push(Oid type, const char* data, std::size_t size) {
    types.push_back(type);
    pointers.push_back(data);
    sizes.push_back(static_cast<int>(size));
    formats.push_back(1);
  }

  std::vector<std::uint64_t> numbers;
  std::vector<Oid> types;
  std::vector<const char*> pointers;
  std::vector<int> sizes, formats;
};

class PostgresConnection final : public Connection {
 public:
  static Result<std::unique_ptr<PostgresConnection>> Open(const PostgresLocation& location) {
    auto connection = std::unique_ptr<PostgresConnection>(new PostgresConnection(location));
    if (PQstatus(connection->connection_) != CONNECTION_OK) return connection->Error("connecting");
    PQsetNoticeProcessor(connection->connection_, [](void*, const char*) {}, nullptr);
    STRATA_CHECK(connection->Connection::Run(fmt::format("SET search_path = {}", connection->schema_)));
    return connection;
  }
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;
  ~PostgresConnection() override { PQfinish(connection_); }

  using Connection::Run;
  Result<std::int64_t> Run(std::string_view text, std::span<const Value> values, const Visit& visit) override {
    const Parameters parameters(values);
    if (PQsendQueryParams(connection_, std::string(text).c_str(), static_cast<int>(values.size()),
                          parameters.types.data(), parameters.pointers.data(), parameters.sizes.data(),
                          parameters.formats.data(), 1) != 1) {
      return Error(text);
    }
    if (visit) PQsetSingleRowMode(connection_);  // rows come one by one, however many there are
    Result<std::int64_t> changed = 0;
    bool visiting = true;
    while (const ResultPtr result{PQgetResult(connection_), PQclear}) {
      switch (PQresultStatus(result.get())) {
        case PGRES_SINGLE_TUPLE:
          if (visiting && !visit(PostgresRow(result.get()))) {
            visiting = false;
            Cancel();
          }
          break;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
          changed = std::atoll(PQcmdTuples(result.get()));
          break;
        default:
          if (visiting) changed = Error(text, result.get());  // else it is our own cancelling
      }
    }
    return changed;
  }

  Status Begin(Mode mode) override {
    if (mode == Mode::kRead) {
      STRATA_CHECK(Connection::Run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
      return {};
    }
    STRATA_CHECK(Connection::Run("BEGIN"));
    // One writer at a time, so that changes become visible in the order of their sequence.
    STRATA_CHECK(Connection::Run("SELECT pg_advisory_xact_lock($1::int, $2::int)",
                                 {std::int64_t{lock_}, static_cast<std::int64_t>(LockFor::kWriting)}));
    if (mode == Mode::kRelaxed) STRATA_CHECK(Connection::Run("SET LOCAL synchronous_commit = off"));
    return {};
  }
  Status Commit() override {
    STRATA_CHECK(Connection::Run("COMMIT"));
    return {};
  }
  void Rollback() override {
    if (PQtransactionStatus(connection_) == PQTRANS_IDLE) return;
    [[maybe_unused]] const auto result = Connection::Run("ROLLBACK");
  }

  const Dialect& dialect() const override { return kDialect; }
  bool Broken() const override { return PQstatus(connection_) != CONNECTION_OK; }

  Result<bool> TryLock(LockFor purpose) {
    bool held = false;
    STRATA_CHECK(Connection::Run("SELECT pg_try_advisory_lock($1::int, $2::int)::int::bigint",
                                 {std::int64_t{lock_}, static_cast<std::int64_t>(purpose)}, [&](const Row& row) {
                                   held = row.Int(0) != 0;
                                   return true;
                                 }));
    return held;
  }
  const std::string& schema() const { return schema_; }

 private:
  explicit PostgresConnection(const PostgresLocation& location)
      : lock_(static_cast<std::int32_t>(Hash64(location.base))), schema_(fmt::format("\"strata_{}\"", location.base)) {
    // Keepalives: a host that vanished is noticed, and so is its lease's end.
    const std::array keys = {"dbname",          "application_name", "connect_timeout",
                             "keepalives_idle", "client_encoding",  static_cast<const char*>(nullptr)};
    const std::array values = {location.url.c_str(), "strata", "10", "15", "UTF8", static_cast<const char*>(nullptr)};
    connection_ = PQconnectdbParams(keys.data(), values.data(), 1);
  }

  /// Asks the server to stop the statement that runs.
  void Cancel() {
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection_), PQfreeCancel);
    std::array<char, 256> ignored{};
    if (cancel != nullptr) PQcancel(cancel.get(), ignored.data(), ignored.size());
  }

  std::unexpected<strata::Error> Error(std::string_view what, const PGresult* result = nullptr) const {
    std::string message = result == nullptr ? PQerrorMessage(connection_) : PQresultErrorMessage(result);
    while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back())) != 0) message.pop_back();
    const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view kind = state == nullptr ? "08" : std::string_view(state).substr(0, 2);
    // Classes of SQLSTATE: connection lost, operator's intervention; transaction rolled back; out of resources.
    const ErrorCode code = kind == "08" || kind == "57" || kind == "40" || Broken() ? ErrorCode::kUnavailable
                           : kind == "53" || kind == "54"                           ? ErrorCode::kResourceExhausted
                                                                                    : ErrorCode::kIo;
    return Fail(code, "PostgreSQL: {} ({})", message, what.substr(0, what.find_first_of("(\n")));
  }

  std::int32_t lock_;
  std::string schema_;  // quoted
  PGconn* connection_ = nullptr;
};

/// An advisory lock of a session, which ends with its connection.
class SessionLease final : public Lease {
 public:
  explicit SessionLease(std::unique_ptr<PostgresConnection> connection) : connection_(std::move(connection)) {}
  bool Held() override { return connection_->Connection::Run("SELECT 1").has_value() && !connection_->Broken(); }

 private:
  std::unique_ptr<PostgresConnection> connection_;
};

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(PostgresLocation location) : location_(std::move(location)) {}

  Result<std::unique_ptr<Connection>> Connect() override { return PostgresConnection::Open(location_); }

  Result<std::unique_ptr<Lease>> TryLease() override {
    STRATA_TRY(std::unique_ptr<PostgresConnection> connection, PostgresConnection::Open(location_));
    STRATA_TRY(const bool held, connection->TryLock(LockFor::kLease));
    if (!held) return nullptr;
    return std::make_unique<SessionLease>(std::move(connection));
  }

  Status Compact(Connection& connection, std::span<const std::string_view> tables) override {
    for (const std::string_view table : tables) {
      STRATA_CHECK(connection.Run(fmt::format("VACUUM (FULL) {}", table)));  // writes the live rows to new files
    }
    STRATA_CHECK(connection.Run("CHECKPOINT"));  // and the old ones go
    return {};
  }

 private:
  PostgresLocation location_;
};

}  // namespace

Result<PostgresLocation> ParsePostgresUrl(std::string_view url) {
  const std::size_t hash = url.rfind('#');
  PostgresLocation location{std::string(url.substr(0, hash)),
                            hash == std::string_view::npos ? "" : std::string(url.substr(hash + 1))};
  const auto good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  constexpr std::size_t kLongest = 63 - std::string_view("strata_").size();  // NAMEDATALEN - 1
  if (location.base.empty() || location.base.size() > kLongest || !std::ranges::all_of(location.base, good)) {
    return Fail(ErrorCode::kInvalidArgument,
                "postgres://…/DATABASE#BASE is wanted, BASE at most {} letters, digits, '_' and '-'", kLongest);
  }
  return location;
}

std::unique_ptr<Database> PostgresAt(const PostgresLocation& location) {
  return std::make_unique<PostgresDatabase>(location);
}

Result<bool> HasPostgresSchema(const PostgresLocation& location) {
  STRATA_TRY(const auto connection, PostgresConnection::Open(location));
  bool found = false;
  STRATA_CHECK(connection->Run("SELECT 1 FROM pg_namespace WHERE nspname = 'strata_' || $1",
                               {std::string_view(location.base)}, [&](const Row&) { return found = true; }));
  return found;
}

Status CreatePostgresSchema(const PostgresLocation& location) {
  STRATA_TRY(const auto connection, PostgresConnection::Open(location));
  STRATA_TRY(const bool found, HasPostgresSchema(location));
  if (found) return Fail(ErrorCode::kInvalidArgument, "there is a base {} in that database already", location.base);
  STRATA_CHECK(connection->Run(fmt::format("CREATE SCHEMA {}", connection->schema())));
  return {};
}

Status DropPostgresSchema(const PostgresLocation& location) {
  STRATA_TRY(const auto connection, PostgresConnection::Open(location));
  STRATA_CHECK(connection->Run(fmt::format("DROP SCHEMA {} CASCADE", connection->schema())));
  return {};
}

}  // namespace strata::knowledge::sql
