// posix_spawn rather than Boost.Process: the child gets a process group of its own, so that the children of launchers
// (npx, uvx, shells) end with it, and a Ctrl-C in our terminal is ours alone.
#include "mcp/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/spawn.h"

namespace strata::mcp {
namespace {

// The specification says "a reasonable time"; both waits together are the longest that closing takes.
constexpr std::chrono::milliseconds kGoodbye{2000};
constexpr std::chrono::milliseconds kTerminate{2000};
constexpr std::chrono::milliseconds kLook{10};

// What a program needs to find its files and its language. The rest of our environment may hold secrets.
constexpr std::array kInherited = {"PATH", "HOME",   "USER", "LOGNAME", "SHELL",
                                   "TERM", "TMPDIR", "TZ",   "LANG",    "LC_ALL"};

struct Pipes {
  // The input is a socket: a write to a server that is gone is then an error, and no SIGPIPE.
  Descriptor input, child_input, output, child_output, errors, child_errors;
};

Result<Pipes> OpenPipes() {
  std::array<int, 2> input{}, output{}, errors{};
  Pipes pipes;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input.data()) == 0) {
    pipes.input = Descriptor(input[0]);
    pipes.child_input = Descriptor(input[1]);
    if (::pipe2(output.data(), O_CLOEXEC) == 0) {
      pipes.output = Descriptor(output[0]);
      pipes.child_output = Descriptor(output[1]);
      if (::pipe2(errors.data(), O_CLOEXEC) == 0) {
        pipes.errors = Descriptor(errors[0]);
        pipes.child_errors = Descriptor(errors[1]);
        return pipes;
      }
    }
  }
  return Fail(ErrorCode::kIo, "cannot make pipes: {}", std::strerror(errno));
}

std::vector<std::string> EnvironmentOf(const StdioTransport& config) {
  std::vector<std::string> environment;
  for (const char* name : kInherited) {
    const bool given = std::ranges::any_of(config.env, [name](const auto& entry) { return entry.first == name; });
    if (const char* value = std::getenv(name); value != nullptr && !given) {
      environment.push_back(fmt::format("{}={}", name, value));
    }
  }
  for (const auto& [name, value] : config.env) environment.push_back(fmt::format("{}={}", name, value));
  return environment;
}

/// The form in which C functions take lists; the strings must outlive it.
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// 0 or an errno.
int Spawn(const StdioTransport& config, const Pipes& pipes, pid_t& pid) {
  std::vector<std::string> words = {config.command};
  words.insert(words.end(), config.args.begin(), config.args.end());
  std::vector<std::string> environment = EnvironmentOf(config);

  SpawnSetup setup;
  ::posix_spawn_file_actions_adddup2(&setup.actions, pipes.child_input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&setup.actions, pipes.child_output.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&setup.actions, pipes.child_errors.get(), STDERR_FILENO);
  if (!config.cwd.empty()) ::posix_spawn_file_actions_addchdir_np(&setup.actions, config.cwd.c_str());
  return ::posix_spawnp(&pid, config.command.c_str(), &setup.actions, &setup.attributes, Pointers(words).data(),
                        Pointers(environment).data());
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(const asio::any_io_executor& strand,
                                                          const StdioTransport& config) {
  STRATA_TRY(Pipes pipes, OpenPipes());
  pid_t pid = 0;
  if (const int error = Spawn(config, pipes, pid); error != 0) {
    return Fail(ErrorCode::kUnavailable, "cannot start {}: {}", config.command, std::strerror(error));
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess(strand, pid));
  boost::system::error_code error;
  error = child->input_.assign(asio::local::stream_protocol(), pipes.input.Release(), error);
  if (!error) error = child->output_.assign(pipes.output.Release(), error);
  if (!error) error = child->errors_.assign(pipes.errors.Release(), error);
  if (error) return Fail(ErrorCode::kIo, "cannot talk to {}: {}", config.command, error.message());
  return child;
}

ChildProcess::~ChildProcess() {
  if (reaped_) return;
  ::kill(-pid_, SIGKILL);
  Reap(/*wait=*/true);
}

bool ChildProcess::Reap(bool wait) {
  if (reaped_) return true;
  // Looked at first and taken afterwards: until it is taken, its number cannot become another process's.
  siginfo_t state{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG)) == 0 &&
      state.si_pid == 0) {
    return false;
  }
  ::kill(-pid_, SIGKILL);
  reaped_ = true;
  return ::waitpid(pid_, &status_, 0) == pid_;
}

asio::awaitable<bool> ChildProcess::EndedWithin(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!Reap(/*wait=*/false)) {
    if (std::chrono::steady_clock::now() >= end) co_return false;
    co_await Sleep(kLook);
  }
  co_return true;
}

asio::awaitable<void> ChildProcess::End() {
  boost::system::error_code ignored;  // closing is all that is left to do
  ignored = input_.close(ignored);
  if (co_await EndedWithin(kGoodbye)) co_return;
  ::kill(-pid_, SIGTERM);
  if (co_await EndedWithin(kTerminate)) co_return;
  ::kill(-pid_, SIGKILL);
  Reap(/*wait=*/true);
}

std::string ChildProcess::Fate() {
  if (!Reap(/*wait=*/false)) return {};
  if (WIFSIGNALED(status_)) return fmt::format("was ended by signal {}", WTERMSIG(status_));
  return fmt::format("ended with status {}", WEXITSTATUS(status_));
}

}  // namespace strata::mcp
