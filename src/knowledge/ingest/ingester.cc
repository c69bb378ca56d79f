#include "knowledge/ingest/ingester.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/thread_team.h"
#include "knowledge/ingest/read_source.h"
#include "knowledge/ingest/retry.h"

namespace strata::knowledge {
namespace {

using Clock = std::chrono::steady_clock;

/// How often somebody looks for jobs that other processes queued, and for a lease that became free.
constexpr std::chrono::milliseconds kPoll{100};
constexpr std::chrono::seconds kLeaseCheck{2};
/// After what may pass a job is tried again, after 1/2, 1, 2, ... seconds; so often in all.
constexpr int kAttempts = 5;
constexpr std::int64_t kFirstDelayMs = 500;
/// A job that was claimed so often and never came to an end kills the program that works on it.
constexpr int kClaims = 12;

std::int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Ingester::Ingester(Store& store, Embedder& embedder, Options options, std::function<void()> on_change)
    : store_(store), embedder_(embedder), options_(options), on_change_(std::move(on_change)) {
  vectors_ = std::make_unique<VectorMaker>(store_, embedder_, [this] { return MayMakeVectors(); }, on_change_);
  for (int i = 0; i < AvailableCpus(); ++i) threads_.emplace_back([this] { Work(); });
}

Ingester::~Ingester() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Ingester::Wake() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  wake_.notify_all();
}

bool Ingester::HoldsLease() {
  const std::lock_guard lock(mutex_);
  return lease_ != nullptr;
}

/// Words first: while jobs run all cores are theirs.
bool Ingester::MayMakeVectors() {
  const std::lock_guard lock(mutex_);
  return !stop_ && lease_ != nullptr && running_ == 0;
}

void Ingester::Work() {
  for (;;) {
    std::uint64_t wakes = 0;
    bool leased = false;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      wakes = wakes_;
      leased = EnsureLease();
    }
    if (leased) {
      Result<std::optional<Job>> job = store_.Claim();
      if (job && *job) {
        ++running_;
        Run(**std::move(job));
        if (--running_ == 0) vectors_->Wake();
        continue;
      }
      if (!job) LogWarning("no job can be claimed: {}", job.error().ToString());
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kPoll, [&] { return stop_ || wakes_ != wakes; });
  }
}

/// Guarded by mutex_.
bool Ingester::EnsureLease() {
  const Clock::time_point now = Clock::now();
  if (lease_ != nullptr && now - lease_checked_ < kLeaseCheck) return true;
  if (lease_ == nullptr && now - lease_checked_ < kPoll) return false;
  lease_checked_ = now;
  if (lease_ != nullptr) {
    if (lease_->Held()) return true;
    LogWarning("the lease of the knowledge base was lost");
    lease_.reset();
  }
  Result<std::unique_ptr<Lease>> lease = store_.TryLease();
  if (!lease) LogWarning("{}", lease.error().ToString());
  if (!lease || *lease == nullptr) return false;
  if (const Status released = store_.ReleaseStaleJobs(); !released) {
    LogWarning("{}", released.error().ToString());
    return false;
  }
  lease_ = *std::move(lease);
  return true;
}

void Ingester::Run(Job job) {
  if (job.attempts > kClaims) {
    return Failed(std::move(job), Error(ErrorCode::kInternal, "the program ended each time while it worked on this"));
  }
  Status done;
  if (job.kind == "remove") {
    const Result<bool> removed = store_.Remove(job.arguments.value("document", job.uri), &job);
    if (!removed) done = std::unexpected(removed.error());
    if (removed) End();
  } else {
    done = Read(job);
  }
  if (!done && done.error().code() != ErrorCode::kCancelled) Failed(std::move(job), done.error());
}

Status Ingester::Read(Job& job) {
  if (!EnterStage(job, "parse")) return {};
  STRATA_TRY(const SourceFile file, ReadSourceFile(store_, job));
  STRATA_TRY(const std::vector<DocumentRecord> there, store_.DocumentsOfSource(job.uri));
  const bool same = !there.empty() && std::ranges::all_of(there, [&](const DocumentRecord& record) {
    return record.content_hash == file.sha256;
  });
  if (same) return SkipUnchanged(job, there);
  STRATA_TRY(const std::vector<DocumentVersion> versions,
             ReadDocuments(file, job, options_.limits, embedder_.tokenizer(), options_.chunks));
  if (!EnterStage(job, "store")) return {};
  STRATA_CHECK(store_.PutSource(job.uri, versions, &job));
  End();
  return {};
}

/// The content is known; what the user says of it may be new.
Status Ingester::SkipUnchanged(Job& job, std::span<const DocumentRecord> records) {
  for (const DocumentRecord& record : records) {
    if (job.arguments.contains("access")) {
      const Access access = AccessFromJson(job.arguments["access"]);
      if (access != record.access) STRATA_CHECK(store_.SetAccess(record.id, access));
    }
    if (job.arguments.contains("metadata")) {
      STRATA_CHECK(store_.SetMetadata(record.id, job.arguments["metadata"]));
    }
  }
  job.state = JobState::kDone;
  job.progress = 1;
  job.error.clear();
  job.result = {{"unchanged", true}, {"documents", records.size()}};
  STRATA_CHECK(store_.Update(job));
  End();
  return {};
}

/// False: the job was cancelled.
bool Ingester::EnterStage(Job& job, const char* stage) {
  job.stage = stage;
  const Result<bool> running = store_.Update(job);
  return !running || *running;  // the store's trouble shows again, where it matters
}

void Ingester::End() {
  on_change_();
  Wake();  // a later job of the same source may run now
}

void Ingester::Failed(Job job, const Error& error) {
  job.error = error.ToString();
  if (MayPass(error.code()) && job.attempts < kAttempts) {
    job.state = JobState::kQueued;
    job.not_before = UnixMilliseconds() + (kFirstDelayMs << (job.attempts - 1));
  } else {
    job.state = JobState::kFailed;
    job.result = {{"unsupported", error.code() == ErrorCode::kUnsupported}};
  }
  if (const Result<bool> written = store_.Update(job); !written) {
    LogError("the job {} cannot be ended: {}", job.id, written.error().ToString());
  }
  End();
}

}  // namespace strata::knowledge
