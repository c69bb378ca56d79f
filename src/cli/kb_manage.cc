#include "cli/kb_manage.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/signalfd.h>

#include "base/descriptor.h"
#include "cli/kb_add.h"
#include "knowledge/ingest/folder.h"
#include "knowledge/ingest/folder_watch.h"
#include "knowledge/ingest/retry.h"
#include "knowledge/ingest/source_uri.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using knowledge::DocumentRecord;
using knowledge::Job;
using knowledge::JobState;
using knowledge::Store;

constexpr std::size_t kPage = 1000;
constexpr std::array<std::string_view, 5> kStates = {"queued", "running", "done", "failed", "cancelled"};

Result<std::vector<std::string>> SourcesBelow(Store& store, const std::string& folder) {
  std::set<std::string> sources;
  for (std::string after;;) {
    STRATA_TRY(const std::vector<DocumentRecord> page, store.DocumentsUnder(folder + "/", after, kPage));
    for (const DocumentRecord& record : page) sources.emplace(knowledge::SourceOf(record.uri));
    if (page.size() < kPage) return std::vector(sources.begin(), sources.end());
    after = page.back().uri;
  }
}

sigset_t EndSignals() {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGINT);
  ::sigaddset(&ends, SIGTERM);
  return ends;
}

/// Readable when one of EndSignals has come.
Result<Descriptor> OpenEndSignals() {
  const sigset_t ends = EndSignals();
  Descriptor descriptor(::signalfd(-1, &ends, SFD_CLOEXEC));
  if (descriptor.get() < 0) return Fail(ErrorCode::kIo, "signalfd: {}", std::strerror(errno));
  return descriptor;
}

/// What lies below a folder, all of which is watched from then on, as far as the kernel does.
Result<knowledge::FolderListing> ListWatched(const std::string& folder, knowledge::FolderWatch& watch, bool& refused) {
  for (;;) {
    STRATA_TRY(knowledge::FolderListing listing, knowledge::ListFolder(folder));
    const knowledge::FolderWatch::Added added = watch.Add(listing.folders);
    refused |= added.refused;
    if (!added.any_new) return listing;  // else something may have come between
  }
}

/// One round; `tried` has the files that could not be read, with their times.
Status Follow(knowledge::KnowledgeBase& base, const knowledge::FolderListing& listing,
              std::map<std::string, std::int64_t>& tried) {
  STRATA_TRY(const knowledge::FolderChanges changes, knowledge::CompareFolder(base.store(), listing));
  FoundFiles found;
  for (const knowledge::FolderFile& file : changes.changed) {
    if (const auto before = tried.find(file.path); before != tried.end() && before->second == file.modified) continue;
    tried[file.path] = file.modified;
    found.files.push_back(file.path);
  }
  if (!found.files.empty()) {
    // What cannot be read has been told; the others are there.
    if (const Status added = AddFiles(base, found, {}); !added && added.error().code() != ErrorCode::kCorrupt) {
      return added;
    }
  }
  for (const std::string& uri : changes.gone) {
    STRATA_TRY(const std::int64_t id, base.Remove(uri));
    STRATA_TRY(const Job job, base.WaitFor(id));
    if (job.state != JobState::kDone) return Fail(ErrorCode::kInternal, "{}: {}", uri, job.error);
    fmt::print("{} is gone\n", uri);
  }
  std::fflush(stdout);
  return {};
}

}  // namespace

Result<std::vector<std::string>> SourcesNamed(Store& store, const std::string& name) {
  std::error_code ignored;
  const bool is_uri = name.starts_with("file://") || name.starts_with("upload:");
  const std::string uri = is_uri ? name : knowledge::FileUri(fs::weakly_canonical(name, ignored).string());
  STRATA_TRY(const auto records, store.DocumentsOfSource(uri));
  STRATA_TRY(const auto member, store.Find(uri));
  if (!records.empty() || member) return std::vector{uri};
  STRATA_TRY(std::vector<std::string> below, SourcesBelow(store, uri));
  if (below.empty()) return Fail(ErrorCode::kNotFound, "there is no document {}, and none below it", uri);
  return below;
}

Status PrintJobs(Store& store, const std::string& state, std::size_t limit) {
  const auto* const known = std::ranges::find(kStates, state);
  if (!state.empty() && known == kStates.end()) {
    return Fail(ErrorCode::kInvalidArgument, "{:?} is no state of a job: {}", state, fmt::join(kStates, ", "));
  }
  std::optional<JobState> wanted;
  if (!state.empty()) wanted = static_cast<JobState>(known - kStates.begin());
  std::int64_t after = 0;
  for (std::size_t printed = 0; printed < limit;) {
    STRATA_TRY(const std::vector<Job> page, store.Jobs(wanted, after, std::min(kPage, limit - printed)));
    for (const Job& job : page) {
      fmt::print("{:>8}  {:<9}  {:<6}  {:>3.0f} %  {}{}{}\n", job.id, kStates[static_cast<std::size_t>(job.state)],
                 job.stage.empty() ? job.kind : job.stage, job.progress * 100, job.uri, job.error.empty() ? "" : "  ",
                 job.error);
    }
    if (page.empty()) return {};
    printed += page.size();
    after = page.back().id;
  }
  return {};
}

Status CancelJobs(Store& store, const std::vector<std::int64_t>& ids) {
  for (const std::int64_t id : ids) {
    STRATA_TRY(const bool cancelled, store.Cancel(id));
    if (!cancelled) return Fail(ErrorCode::kNotFound, "job {} has ended, or never was", id);
  }
  return {};
}

Status RetryJobs(Store& store, const std::vector<std::int64_t>& ids) {
  STRATA_TRY(const std::vector<std::int64_t> queued, knowledge::RetryJobs(store, ids));
  for (std::size_t i = 0; i < ids.size(); ++i) fmt::print("{} is queued again as {}\n", ids[i], queued[i]);
  return {};
}

Status SetAccess(Store& store, const std::vector<std::string>& names, const knowledge::Access& access) {
  std::size_t documents = 0;
  for (const std::string& name : names) {
    STRATA_TRY(const std::vector<std::string> sources, SourcesNamed(store, name));
    for (const std::string& source : sources) {
      STRATA_TRY(std::vector<DocumentRecord> records, store.DocumentsOfSource(source));
      if (records.empty()) {
        STRATA_TRY(const std::optional<DocumentRecord> member, store.Find(source));
        if (member) records.push_back(*member);
      }
      for (const DocumentRecord& record : records) STRATA_CHECK(store.SetAccess(record.id, access));
      documents += records.size();
    }
  }
  fmt::print("{} documents\n", documents);
  return {};
}

void HoldEndSignals() {
  const sigset_t ends = EndSignals();
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
}

Status FollowOnce(knowledge::KnowledgeBase& base, const std::vector<std::string>& folders) {
  std::map<std::string, std::int64_t> tried;
  for (const std::string& folder : folders) {
    STRATA_TRY(const knowledge::FolderListing listing, knowledge::ListFolder(folder));
    STRATA_CHECK(Follow(base, listing, tried));
  }
  return {};
}

Status FollowFolders(knowledge::KnowledgeBase& base, const std::vector<std::string>& folders, double interval_seconds) {
  STRATA_TRY(const Descriptor end, OpenEndSignals());
  STRATA_TRY(knowledge::FolderWatch watch, knowledge::FolderWatch::Open());
  const std::chrono::milliseconds interval(std::llround(interval_seconds * 1000));
  std::map<std::string, std::int64_t> tried;
  for (bool told = false;;) {
    bool refused = false;
    for (const std::string& folder : folders) {
      STRATA_TRY(const knowledge::FolderListing listing, ListWatched(folder, watch, refused));
      STRATA_CHECK(Follow(base, listing, tried));
    }
    if (refused && !std::exchange(told, true)) {
      fmt::print(stderr,
                 "the kernel watches no more folders (fs.inotify.max_user_watches); a look every {} s finds the rest\n",
                 interval_seconds);
    }
    if (watch.Wait(interval, end.get()) == knowledge::FolderWatch::Woken::kOther) return {};
  }
}

}  // namespace strata::cli
