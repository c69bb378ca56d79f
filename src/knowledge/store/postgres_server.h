// A real PostgreSQL of a test's own: a cluster in a temporary folder, on a Unix socket only. It ends with the test.
#pragma once

#include <memory>
#include <string>

#include <sys/types.h>

namespace strata::knowledge {

class PostgresServer {
 public:
  /// Null where PostgreSQL is not installed; `why` says so.
  static std::unique_ptr<PostgresServer> Start(std::string& why);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// postgres://… of a base in it.
  std::string Url(const std::string& base) const;
  const std::string& folder() const { return folder_; }

 private:
  PostgresServer(std::string folder, pid_t process) : folder_(std::move(folder)), process_(process) {}

  std::string folder_;
  pid_t process_;
};

}  // namespace strata::knowledge
