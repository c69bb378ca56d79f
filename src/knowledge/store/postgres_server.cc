#include "knowledge/store/postgres_server.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

/// Of the newest version that Debian's package has put there.
std::string Programs() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (fs::exists(version.path() / "bin/initdb", error)) found.push_back(version.path() / "bin");
  }
  return found.empty() ? "" : std::ranges::max(found);
}

/// PostgreSQL does not run as root: then it runs as its own user.
const passwd* User() { return ::geteuid() == 0 ? ::getpwnam("postgres") : ::getpwuid(::geteuid()); }

pid_t Spawn(const std::vector<std::string>& arguments, const passwd& user, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  if (::geteuid() == 0 && (::setgid(user.pw_gid) != 0 || ::setuid(user.pw_uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // immediate shutdown
  if (::chdir("/") != 0) ::_exit(126);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

std::unique_ptr<PostgresServer> PostgresServer::Start(std::string& why) {
  const std::string programs = Programs();
  const passwd* user = User();
  if (programs.empty() || user == nullptr) {
    why = "PostgreSQL is not installed";
    return nullptr;
  }
  std::string folder = fs::temp_directory_path() / "strata-pg-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr || ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
    why = "no temporary folder";
    return nullptr;
  }
  const std::string data = folder + "/data", log = folder + "/log";
  const pid_t initdb = Spawn(
      {programs + "/initdb", "-D", data, "-U", "strata", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"},
      *user, log);
  int status = 0;
  ::waitpid(initdb, &status, 0);
  const pid_t process = status != 0 ? -1
                                    : Spawn({programs + "/postgres", "-D", data, "-k", folder, "-c",
                                             "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"},
                                            *user, log);
  auto server = std::unique_ptr<PostgresServer>(new PostgresServer(folder, process));
  const std::string url = fmt::format("host={} user=strata dbname=postgres", folder);
  for (int i = 0; status == 0 && i < 200; ++i) {
    if (PQping(url.c_str()) == PQPING_OK) return server;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  why = "PostgreSQL does not start, see " + log;
  server->folder_.clear();  // the log stays
  return nullptr;
}

PostgresServer::~PostgresServer() {
  if (process_ > 0) {
    ::kill(process_, SIGQUIT);
    ::waitpid(process_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

std::string PostgresServer::Url(const std::string& base) const {
  return fmt::format("postgres:///postgres?host={}&user=strata#{}", folder_, base);
}

}  // namespace strata::knowledge
