// One connection to an SQL database, as little of it as the store needs, so that the store's statements are written
// once. Parameters are $1, $2, ..., which SQLite and PostgreSQL both take.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "knowledge/store/lease.h"

namespace strata::knowledge::sql {

struct Null {};
struct Bytes {
  std::string_view data;
};
/// A parameter; what it views must live as long as the call.
using Value = std::variant<Null, std::int64_t, double, std::string_view, Bytes>;

/// A row of a result, for the time of the visit.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool IsNull(int column) const = 0;
  virtual std::int64_t Int(int column) const = 0;
  virtual double Real(int column) const = 0;
  virtual std::string_view Text(int column) const = 0;
  virtual std::string_view Blob(int column) const = 0;
};

/// False ends the statement.
using Visit = std::function<bool(const Row& row)>;

/// What databases write differently.
struct Dialect {
  std::string_view integer, real, bytes;  ///< types; a 64-bit integer
  std::string_view key;                   ///< text that is compared byte by byte
  std::string_view id_list;               ///< what stands after IN for the ids in $1, a JSON array
};

class Connection {
 public:
  virtual ~Connection() = default;

  /// Runs one statement; the number of rows that it changed. Errors: kIo, kUnavailable, with what the database says.
  virtual Result<std::int64_t> Run(std::string_view statement, std::span<const Value> values, const Visit& visit) = 0;
  Result<std::int64_t> Run(std::string_view statement, std::initializer_list<Value> values = {},
                           const Visit& visit = {}) {
    return Run(statement, std::span(values.begin(), values.size()), visit);
  }

  enum class Mode {
    kRead,     ///< every statement sees the same state
    kDurable,  ///< the only writer; what was committed survives a crash of the machine
    kRelaxed,  ///< the only writer; what was committed survives a crash of the process
  };
  virtual Status Begin(Mode mode) = 0;
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;

  virtual const Dialect& dialect() const = 0;
  virtual bool Broken() const = 0;  ///< must be thrown away
};

/// A database of one base: where connections come from, and what is not SQL.
class Database {
 public:
  virtual ~Database() = default;
  virtual Result<std::unique_ptr<Connection>> Connect() = 0;
  virtual Result<std::unique_ptr<Lease>> TryLease() = 0;  ///< null: another process holds it
  /// Overwrites what was deleted.
  virtual Status Compact(Connection& connection, std::span<const std::string_view> tables) = 0;
};

}  // namespace strata::knowledge::sql
