// The store over any of our SQL databases.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "knowledge/store/sql.h"
#include "knowledge/store/store.h"

namespace strata::knowledge::sql {

/// Calls borrow a connection, so readers run beside each other and beside one writer.
class SqlStore final : public Store {
 public:
  /// Tables are made or migrated. With `options`, a new base; without, one that is there.
  static Result<std::unique_ptr<SqlStore>> Open(std::unique_ptr<Database> database, const StoreOptions* options);

  Result<std::vector<DocumentRecord>> PutSource(std::string_view source, std::span<const DocumentVersion> versions,
                                                const Job* job) override;
  Result<bool> Remove(std::string_view uri, const Job* job) override;
  Status SetMetadata(DocumentId id, const nlohmann::json& metadata) override;
  Status SetAccess(DocumentId id, const Access& access) override;
  Result<std::optional<DocumentRecord>> Find(std::string_view uri) override;
  Result<std::optional<DocumentRecord>> Document(DocumentId id) override;
  Result<std::vector<DocumentRecord>> Documents(DocumentId after, std::size_t limit) override;
  Result<std::vector<DocumentRecord>> DocumentsUnder(std::string_view prefix, std::string_view after,
                                                     std::size_t limit) override;
  Result<std::vector<DocumentRecord>> DocumentsOfSource(std::string_view source) override;
  Result<std::optional<std::string>> Text(DocumentId id) override;

  Result<std::vector<StoredChunk>> Chunks(std::span<const ChunkId> ids) override;
  Result<std::vector<StoredChunk>> ChunksOf(DocumentId id, std::int32_t first, std::int32_t count) override;
  Status ForEachChunk(std::span<const ChunkId> ids, const VisitChunk& visit) override;
  Status ForEachChunk(const VisitChunk& visit) override;
  Status ForEachChunkId(const std::function<void(ChunkId chunk, DocumentId document)>& visit) override;
  Result<std::vector<std::pair<Hash128, std::vector<float>>>> VectorsOf(std::span<const Hash128> hashes) override;
  Result<std::vector<StoredChunk>> Unembedded(std::size_t limit) override;
  Status PutVectors(std::span<const ChunkId> ids, std::span<const float> vectors) override;
  Result<Counts> Count() override;

  Result<Sequence> LastSequence() override;
  Result<std::optional<std::vector<Change>>> ChangesSince(Sequence sequence, std::size_t limit) override;

  Result<nlohmann::json> Setting(std::string_view key) override;
  Status SetSetting(std::string_view key, const nlohmann::json& value) override;

  Result<std::vector<std::int64_t>> Enqueue(std::span<const Job> jobs) override;
  Result<std::optional<Job>> Claim() override;
  Result<bool> Update(const Job& job) override;
  Result<std::optional<std::string>> Upload(std::int64_t id) override;
  Result<std::optional<Job>> FindJob(std::int64_t id) override;
  Result<bool> HasPendingJobs(std::string_view uri) override;
  Result<std::vector<Job>> Jobs(std::optional<JobState> state, std::int64_t after, std::size_t limit) override;
  Result<bool> Cancel(std::int64_t id) override;
  Result<std::unique_ptr<Lease>> TryLease() override { return database_->TryLease(); }
  Status ReleaseStaleJobs() override;
  Status Compact() override;

 private:
  explicit SqlStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<std::unique_ptr<Connection>> Borrow();
  void GiveBack(std::unique_ptr<Connection> connection);

  /// work(connection) inside a transaction, which is undone where it fails.
  template <class Work>
  auto Transact(Connection::Mode mode, Work&& work) -> decltype(work(std::declval<Connection&>())) {
    STRATA_TRY(std::unique_ptr<Connection> connection, Borrow());
    // Within the process writers queue here, rather than poll the database's lock.
    const auto guard = mode == Connection::Mode::kRead ? std::unique_lock<std::mutex>() : std::unique_lock(writing_);
    STRATA_CHECK(connection->Begin(mode));
    auto result = work(*connection);
    if (result) {
      if (Status committed = connection->Commit(); !committed) result = std::unexpected(committed.error());
    }
    if (!result) connection->Rollback();
    GiveBack(std::move(connection));
    return result;
  }
  template <class Work>
  auto Read(Work&& work) {
    return Transact(Connection::Mode::kRead, std::forward<Work>(work));
  }
  template <class Work>
  auto Write(Work&& work) {
    return Transact(Connection::Mode::kDurable, std::forward<Work>(work));
  }

  std::unique_ptr<Database> database_;
  StoreOptions options_;
  std::mutex writing_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
};

// What the parts of the store share.

/// The next `count` numbers: the last of them.
Result<std::int64_t> TakeNumbers(Connection& connection, std::string_view counter, std::int64_t count);

/// Collects changes of a transaction and writes them with their sequence.
class ChangeLog {
 public:
  void Add(Change::Kind kind, std::uint32_t id) { changes_.push_back({0, kind, id}); }
  Status Write(Connection& connection, std::int64_t kept);

 private:
  std::vector<Change> changes_;
};

/// Ends a running job with state and result; false: it does not run any more.
Result<bool> EndJob(Connection& connection, const Job& job);

/// What comes behind every valid text that begins with `prefix`, byte by byte.
inline std::string EndOfPrefix(std::string_view prefix) { return std::string(prefix) + "\U0010FFFF"; }

/// JSON as text, whatever bytes are in its strings.
std::string Dump(const nlohmann::json& value);

// Chunks of a document inside a transaction (sql_chunks.cc).

/// Of searchable chunks.
struct ChunkCounts {
  std::int64_t all = 0;
  std::int64_t fresh = 0;  ///< say what nothing in the base has said: they are to be embedded
};
/// Makes the version's chunks and vectors those of the document; what changed is added to the log.
Result<ChunkCounts> PutChunks(Connection& connection, DocumentId document, const DocumentVersion& version,
                              bool full_precision, ChangeLog& log);
/// Adds to the log that the document's searchable chunks go.
Status LogRemovedChunks(Connection& connection, DocumentId document, ChangeLog& log);

}  // namespace strata::knowledge::sql
