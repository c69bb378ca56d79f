#include "knowledge/knowledge_base.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "knowledge/base_options.h"
#include "knowledge/indexes.h"
#include "knowledge/ingest/ingester.h"
#include "knowledge/ingest/read_source.h"
#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

/// How soon what another process changed is found here.
constexpr std::chrono::milliseconds kPoll{100};
constexpr std::string_view kSetting = "base", kToBeDeleted = "to_be_deleted";
/// How long who deletes a base waits for who works on it.
constexpr std::chrono::seconds kPatience{15};

Result<std::string> IndexFolder(const std::string& location, const std::string& given) {
  if (!IsDatabaseUrl(location)) return location;
  if (given.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a base in a database needs a folder of this machine for its indexes");
  }
  std::error_code error;
  if (fs::create_directories(given, error)) fs::permissions(given, fs::perms::owner_all, error);
  if (error) return Fail(ErrorCode::kIo, "cannot make the folder {}: {}", given, error.message());
  return given;
}

Result<Job> JobOf(const DocumentSource& source) {
  Job job{.uri = source.uri, .kind = "add"};
  if (!source.path.empty()) {
    std::error_code error;
    const std::string path = fs::weakly_canonical(source.path, error);
    if (error) return Fail(ErrorCode::kInvalidArgument, "{}: {}", source.path, error.message());
    job.arguments["path"] = path;
    if (job.uri.empty()) job.uri = FileUri(path);
  } else {
    if (source.name.empty()) return Fail(ErrorCode::kInvalidArgument, "a document needs a path or a name");
    if (source.content.size() > kLargestFile) {
      return Fail(ErrorCode::kResourceExhausted, "{} has {} bytes, at most {} are read", source.name,
                  source.content.size(), kLargestFile);
    }
    job.arguments["name"] = source.name;
    job.upload = source.content;
    if (job.uri.empty()) job.uri = UploadUri(source.name);
  }
  if (job.uri.contains('#')) {
    return Fail(ErrorCode::kInvalidArgument, "{}: the URI of a file has no '#', which stands before what is in it",
                job.uri);
  }
  if (source.metadata) {
    if (!source.metadata->is_object()) return Fail(ErrorCode::kInvalidArgument, "{}: metadata is an object", job.uri);
    job.arguments["metadata"] = *source.metadata;
  }
  if (source.access) job.arguments["access"] = AccessToJson(*source.access);
  return job;
}

bool HasEnded(const Job& job) { return job.state >= JobState::kDone; }

}  // namespace

struct KnowledgeBase::State {
  std::unique_ptr<Store> store;
  BaseOptions options;
  Embedder* embedder = nullptr;
  std::unique_ptr<Indexes> indexes;

  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t changes = 0;
  bool stop = false;
  std::unique_ptr<Ingester> ingester;
  std::thread keeper;

  /// Brings in what other processes did, and keeps the files of the indexes near to what is in memory.
  void Keep() {
    for (;;) {
      {
        std::unique_lock lock(mutex);
        if (changed.wait_for(lock, kPoll, [&] { return stop; })) return;
      }
      Status good = indexes->CatchUp();
      indexes->CompactIfWorth();
      // One process writes the files.
      if (good && ingester != nullptr && ingester->HoldsLease()) good = indexes->SaveIfWorth();
      if (!good) LogWarning("the indexes of a knowledge base stay behind: {}", good.error().ToString());
    }
  }

  std::uint64_t Changes() {
    const std::lock_guard lock(mutex);
    return changes;
  }
  /// After what Changes() gave; for a moment at most, for another process may make it.
  void AwaitChange(std::uint64_t seen) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kPoll, [&] { return changes != seen; });
  }

  void OnChange() {
    if (const Status good = indexes->CatchUp(); !good) LogWarning("{}", good.error().ToString());
    const std::lock_guard lock(mutex);
    ++changes;
    changed.notify_all();
  }
};

Status KnowledgeBase::Create(const std::string& location, const BaseOptions& options, const Embedder& embedder) {
  if (options.chunks.max_tokens > embedder.max_tokens()) {
    return Fail(ErrorCode::kInvalidArgument, "chunks of {} tokens do not go into {}, which reads {}",
                options.chunks.max_tokens, embedder.name(), embedder.max_tokens());
  }
  STRATA_TRY(const auto store, CreateStore(location, {.full_precision = options.storage == VectorStorage::kF32}));
  nlohmann::json json = ToJson(options);
  json["fingerprint"] = embedder.fingerprint();
  json["dimensions"] = embedder.dimensions();
  json["chunker"] = kChunkerVersion;
  return store->SetSetting(kSetting, json);
}

Result<BaseOptions> KnowledgeBase::OptionsOf(const std::string& location) {
  STRATA_TRY(const auto store, OpenStore(location));
  STRATA_TRY(const nlohmann::json json, store->Setting(kSetting));
  return BaseOptionsOf(json);
}

Status KnowledgeBase::Delete(const std::string& location, const std::string& index_folder) {
  {
    STRATA_TRY(const auto store, OpenStore(location));
    STRATA_CHECK(store->SetSetting(kToBeDeleted, true));
    const auto until = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      STRATA_TRY(const auto lease, store->TryLease());
      if (lease != nullptr) break;
      if (std::chrono::steady_clock::now() > until) {
        STRATA_CHECK(store->SetSetting(kToBeDeleted, nullptr));
        return Fail(ErrorCode::kUnavailable, "another process has the base open and works on it: end it first");
      }
      std::this_thread::sleep_for(kPoll);
    }
  }
  if (!IsDatabaseUrl(location)) {
    Indexes::RemoveFiles(location);
    return DeleteStore(location);
  }
  STRATA_CHECK(DeleteStore(location));
  if (!index_folder.empty()) Indexes::RemoveFiles(index_folder);
  return {};
}

Result<std::unique_ptr<KnowledgeBase>> KnowledgeBase::Open(const std::string& location, Embedder& embedder,
                                                           const OpenOptions& options) {
  auto state = std::make_unique<State>();
  STRATA_TRY(state->store, OpenStore(location));
  STRATA_TRY(const nlohmann::json json, state->store->Setting(kSetting));
  STRATA_TRY(state->options, BaseOptionsOf(json));
  if (json.value("fingerprint", "") != embedder.fingerprint()) {
    return Fail(ErrorCode::kInvalidArgument,
                "the base was made with {}: {} is another model, or has other weights or prefixes",
                state->options.embedding_model, embedder.name());
  }
  state->embedder = &embedder;
  STRATA_TRY(const std::string folder, IndexFolder(location, options.index_folder));
  STRATA_TRY(state->indexes, Indexes::Open(*state->store, folder, {.language = state->options.language},
                                           {.dimensions = embedder.dimensions(), .storage = state->options.storage}));
  State& s = *state;
  if (options.ingest) {
    s.ingester = std::make_unique<Ingester>(*s.store, embedder,
                                            Ingester::Options{.limits = options.limits, .chunks = s.options.chunks},
                                            [&s] { s.OnChange(); });
  }
  s.keeper = std::thread([&s] { s.Keep(); });
  return std::unique_ptr<KnowledgeBase>(new KnowledgeBase(std::move(state)));
}

KnowledgeBase::KnowledgeBase(std::unique_ptr<State> state) : state_(std::move(state)) {}

KnowledgeBase::~KnowledgeBase() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->changed.notify_all();
  }
  state_->keeper.join();
  if (state_->ingester == nullptr || !state_->ingester->HoldsLease()) return;
  // The lease is held until the files are written.
  if (const Status saved = state_->indexes->Save(); !saved) LogWarning("{}", saved.error().ToString());
}

Result<std::int64_t> KnowledgeBase::Add(const DocumentSource& source) {
  STRATA_TRY(const std::vector<std::int64_t> jobs, AddAll(std::span(&source, 1)));
  return jobs.front();
}

Result<std::vector<std::int64_t>> KnowledgeBase::AddAll(std::span<const DocumentSource> sources) {
  std::vector<Job> jobs;
  for (const DocumentSource& source : sources) {
    STRATA_TRY(Job job, JobOf(source));
    jobs.push_back(std::move(job));
  }
  STRATA_TRY(std::vector<std::int64_t> ids, state_->store->Enqueue(jobs));
  if (state_->ingester != nullptr) state_->ingester->Wake();
  return ids;
}

Result<std::int64_t> KnowledgeBase::Remove(std::string_view uri) {
  const std::string_view source = SourceOf(uri);
  STRATA_TRY(const auto record, state_->store->Find(uri));
  STRATA_TRY(const auto records, state_->store->DocumentsOfSource(source));
  // What is on its way can be removed, too: the removal runs after it.
  STRATA_TRY(const bool coming, state_->store->HasPendingJobs(source));
  if (!record && !coming && (source != uri || records.empty())) {
    return Fail(ErrorCode::kNotFound, "there is no document {}", uri);
  }
  Job job{.uri = std::string(source), .kind = "remove"};
  if (source != uri) job.arguments["document"] = uri;
  STRATA_TRY(const std::vector<std::int64_t> ids, state_->store->Enqueue(std::span(&job, 1)));
  if (state_->ingester != nullptr) state_->ingester->Wake();
  return ids.front();
}

Result<std::optional<Job>> KnowledgeBase::FindJob(std::int64_t job) {
  STRATA_TRY(std::optional<Job> found, state_->store->FindJob(job));
  if (found && HasEnded(*found)) STRATA_CHECK(state_->indexes->CatchUp());
  return found;
}

Result<std::vector<Job>> KnowledgeBase::Jobs(std::optional<JobState> state, std::int64_t after, std::size_t limit) {
  STRATA_TRY(std::vector<Job> found, state_->store->Jobs(state, after, limit));
  if (std::ranges::any_of(found, HasEnded)) STRATA_CHECK(state_->indexes->CatchUp());
  return found;
}

Result<Job> KnowledgeBase::WaitFor(std::int64_t job) {
  for (;;) {
    const std::uint64_t seen = state_->Changes();
    STRATA_TRY(const std::optional<Job> found, FindJob(job));
    if (!found) return Fail(ErrorCode::kNotFound, "there is no job {} (any more)", job);
    if (HasEnded(*found)) return *found;
    state_->AwaitChange(seen);
  }
}

Status KnowledgeBase::WaitForVectors(const std::function<bool(std::int64_t left)>& on_left) const {
  for (;;) {
    const std::uint64_t seen = state_->Changes();
    STRATA_TRY(const Store::Counts counts, state_->store->Count());
    if (counts.unembedded == 0 || (on_left && !on_left(counts.unembedded))) return state_->indexes->CatchUp();
    state_->AwaitChange(seen);
  }
}

Result<bool> KnowledgeBase::Cancel(std::int64_t job) { return state_->store->Cancel(job); }

Status KnowledgeBase::SetMetadata(DocumentId id, const nlohmann::json& metadata) {
  if (!metadata.is_object()) return Fail(ErrorCode::kInvalidArgument, "metadata is an object");
  STRATA_CHECK(state_->store->SetMetadata(id, metadata));
  return state_->indexes->CatchUp();
}

Status KnowledgeBase::SetAccess(DocumentId id, const Access& access) {
  STRATA_CHECK(state_->store->SetAccess(id, access));
  return state_->indexes->CatchUp();
}

Status KnowledgeBase::Compact() {
  STRATA_CHECK(state_->indexes->Compact());
  return state_->store->Compact();
}

Result<bool> KnowledgeBase::IsToBeDeleted() const {
  STRATA_TRY(const nlohmann::json said, state_->store->Setting(kToBeDeleted));
  return said == true;
}

const LexicalIndex& KnowledgeBase::lexical() const { return state_->indexes->lexical(); }
const VectorIndex& KnowledgeBase::vectors() const { return state_->indexes->vectors(); }
const DocumentTable& KnowledgeBase::documents() const { return state_->indexes->table(); }
Store& KnowledgeBase::store() const { return *state_->store; }
Embedder& KnowledgeBase::embedder() const { return *state_->embedder; }
const BaseOptions& KnowledgeBase::options() const { return state_->options; }

}  // namespace strata::knowledge
