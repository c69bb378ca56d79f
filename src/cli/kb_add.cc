#include "cli/kb_add.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/progress.h"
#include "knowledge/ingest/folder.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using knowledge::Job;
using knowledge::JobState;
using knowledge::KnowledgeBase;

/// Files that are queued at once, and that wait at most: fewer than the jobs that a base remembers when they ended.
constexpr std::size_t kBatch = 500, kWaiting = 4000;
static_assert(kBatch + kWaiting < knowledge::kKeptJobs);

/// What became of files.
class Tally {
 public:
  explicit Tally(const std::set<std::string>& named) : named_(named) {}

  void Count(const std::string& file, const Job& job) {
    if (job.state == JobState::kDone) {
      ++done_;
      unchanged_ += job.result.value("unchanged", false) ? 1 : 0;
      chunks_ += job.result.value("chunks", std::int64_t{0});
      embedded_ += job.result.value("embedded", std::int64_t{0});
      return;
    }
    const bool named = named_.contains(file);
    named_failed_ += named ? 1 : 0;
    if (job.result.value("unsupported", false) && !named) {
      ++unsupported_;
      return;
    }
    ++failed_;
    const std::string error = job.error.empty() ? "cancelled" : job.error;
    fmt::print(stderr, "{}{}\n", ::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "", WithFile(file, error));
  }
  std::size_t done() const { return done_; }
  std::size_t named_failed() const { return named_failed_; }

  void Print(double seconds) const {
    fmt::print("{} files read in {:.1f} s: {} chunks, {} embedded; {} files as they were", done_ - unchanged_, seconds,
               chunks_, embedded_, unchanged_);
    if (unsupported_ > 0) fmt::print("; {} of formats without text that strata reads", unsupported_);
    if (failed_ > 0) fmt::print("; {} could not be read", failed_);
    fmt::print("\n");
  }

 private:
  static std::string WithFile(const std::string& file, const std::string& error) {
    return error.contains(file) ? error : file + ": " + error;
  }

  const std::set<std::string>& named_;
  std::size_t done_ = 0, unchanged_ = 0, unsupported_ = 0, failed_ = 0, named_failed_ = 0;
  std::int64_t chunks_ = 0, embedded_ = 0;
};

}  // namespace

Result<FoundFiles> FindFiles(const std::vector<std::string>& paths) {
  FoundFiles found;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error)) return Fail(ErrorCode::kNotFound, "{}: no such file or folder", path);
    if (!fs::is_directory(path, error)) {
      found.files.push_back(fs::absolute(path, error).lexically_normal());
      found.named.insert(found.files.back());
      continue;
    }
    STRATA_TRY(const knowledge::FolderListing listing, knowledge::ListFolder(path));
    for (const std::string& folder : listing.unreadable) fmt::print(stderr, "{} cannot be listed\n", folder);
    for (const knowledge::FolderFile& file : listing.files) found.files.push_back(file.path);
  }
  std::ranges::sort(found.files);
  const auto repeated = std::ranges::unique(found.files);
  found.files.erase(repeated.begin(), repeated.end());
  return found;
}

Status AddFiles(KnowledgeBase& base, const FoundFiles& found, const knowledge::Access& access) {
  const std::vector<std::string>& files = found.files;
  const Clock::time_point start = Clock::now();
  Tally tally(found.named);
  {
    ProgressBar bar;
    std::deque<std::int64_t> waiting;
    std::size_t ended = 0;
    const auto reap = [&](std::size_t most) -> Status {
      for (; waiting.size() > most; waiting.pop_front(), ++ended) {
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        bar.Update(static_cast<double>(ended) / static_cast<double>(files.size()),
                   fmt::format("{}/{}, {:.0f} a second  {}", ended, files.size(),
                               static_cast<double>(ended) / std::max(seconds, .001), files[ended]));
        STRATA_TRY(const Job job, base.WaitFor(waiting.front()));
        tally.Count(files[ended], job);
      }
      return {};
    };
    for (std::size_t begin = 0; begin < files.size(); begin += kBatch) {
      std::vector<knowledge::DocumentSource> sources;
      for (const std::string& file : std::span(files).subspan(begin, std::min(kBatch, files.size() - begin))) {
        knowledge::DocumentSource source;
        source.path = file;
        if (access != knowledge::Access()) source.access = access;
        sources.push_back(std::move(source));
      }
      STRATA_TRY(const std::vector<std::int64_t> jobs, base.AddAll(sources));
      waiting.insert(waiting.end(), jobs.begin(), jobs.end());
      STRATA_CHECK(reap(kWaiting));
    }
    STRATA_CHECK(reap(0));
  }
  tally.Print(std::chrono::duration<double>(Clock::now() - start).count());
  if (tally.named_failed() > 0) return Fail(ErrorCode::kCorrupt, "{} files could not be read", tally.named_failed());
  if (tally.done() == 0 && !files.empty()) return Fail(ErrorCode::kCorrupt, "no file could be read");
  return {};
}

}  // namespace strata::cli
