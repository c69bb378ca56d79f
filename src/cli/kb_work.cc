#include "cli/kb_work.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <unistd.h>

#include "cli/kb_base.h"
#include "cli/progress.h"

namespace strata::cli {
namespace {

using Clock = std::chrono::steady_clock;
using knowledge::JobState;
using knowledge::KnowledgeBase;

constexpr std::chrono::seconds kLook{1};

Result<bool> HasJobs(KnowledgeBase& base) {
  for (const JobState state : {JobState::kQueued, JobState::kRunning}) {
    STRATA_TRY(const auto jobs, base.Jobs(state, 0, 1));
    if (!jobs.empty()) return true;
  }
  return false;
}

}  // namespace

Result<bool> WaitForVectors(const KnowledgeBase& base, std::optional<std::chrono::duration<double>> at_most) {
  const Clock::time_point start = Clock::now();
  ProgressBar bar;
  std::int64_t first = 0;
  STRATA_CHECK(base.WaitForVectors([&](std::int64_t left) {
    first = std::max(first, left);
    const auto took = Clock::now() - start;
    const double rate = static_cast<double>(first - left) / std::chrono::duration<double>(took).count();
    bar.Update(1 - static_cast<double>(left) / static_cast<double>(first),
               fmt::format("{} passages wait for their vectors, {:.0f} a second", left, rate));
    return !at_most || took < *at_most;
  }));
  STRATA_TRY(const auto counts, base.store().Count());
  return counts.unembedded == 0;
}

Status WorkOnBase(const std::string& name, const LoadOptions& load) {
  STRATA_TRY(const OpenedBase opened, OpenBase(name, load));
  for (;;) {
    STRATA_TRY(const bool to_be_deleted, opened.base->IsToBeDeleted());
    if (to_be_deleted) return {};
    STRATA_TRY(const bool has_jobs, HasJobs(*opened.base));
    if (has_jobs) {
      std::this_thread::sleep_for(kLook);
      continue;
    }
    STRATA_TRY(const bool all, WaitForVectors(*opened.base, kLook));
    if (all) return {};
  }
}

Result<std::string> WorkInBackground(const std::string& name, const LoadOptions& load) {
  std::string log = BasesDirectory() + "/work.log";
  std::vector<std::string> arguments = {"strata", "kb", "work", name, "--background"};
  if (load.embedding_activations) {
    arguments.insert(arguments.end(),
                     {"--embedding-activations", std::string(kernels::NameOf(*load.embedding_activations))});
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  sigset_t none;  // is held back: this process may hold the signals that are to end that one
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return Fail(ErrorCode::kIo, "strata kb work {} cannot be started: {}", name,
                std::generic_category().message(error));
  }
  return log;
}

Status TellOfMissingVectors(knowledge::Store& store) {
  STRATA_TRY(const auto counts, store.Count());
  if (counts.unembedded == 0) return {};
  fmt::print(stderr, "{} of {} passages wait for their vectors and are found by their words alone\n", counts.unembedded,
             counts.chunks);
  return {};
}

}  // namespace strata::cli
