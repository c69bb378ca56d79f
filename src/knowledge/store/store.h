// Where the truth of a knowledge base lies: documents, their text, chunks, vectors, who may see them, jobs. Everything
// else (indexes, caches) can be made again from it. Two of them behind one interface: SQLite in one file, PostgreSQL.
//
//   STRATA_TRY(std::unique_ptr<Store> store, OpenStore("/var/lib/strata/handbook"));
//
// Thread-safe. A call that returned without an error has been written down for good, unless its comment says otherwise.
// Errors: kIo (the disk, the database), kUnavailable (it is locked or cannot be reached: try again), kCorrupt.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/chunk/chunk.h"
#include "knowledge/store/lease.h"
#include "knowledge/types.h"

namespace strata::knowledge {

struct DocumentRecord {
  DocumentId id = 0;
  /// Unique in the base: "file:///srv/a.pdf", "upload:a.pdf", "file:///b.zip#inner/c.txt". What stands before '#' is
  /// the source: the file that was read.
  std::string uri;
  std::uint32_t version = 1;  ///< rises with each change of the content
  std::string title, media_type;
  std::string content_hash;                            ///< SHA-256 of the source
  nlohmann::json metadata = nlohmann::json::object();  ///< of the user and, where it says nothing, of the file
  Access access;
  std::int64_t bytes = 0, created = 0, updated = 0;  ///< Unix seconds
  std::int64_t modified = 0;                         ///< of the file when it was read, Unix nanoseconds; 0: not known
  std::int64_t chunks = 0;
  std::vector<std::string> warnings;
};

struct StoredChunk {
  ChunkId id = 0;
  DocumentId document = 0;
  std::uint32_t version = 0;
  std::int32_t ordinal = 0;  ///< place in the document, from 0
  std::optional<ChunkId> parent_id;
  Chunk chunk;  ///< its parent is parent_id
};

/// A new version of a document. vectors: [searchable chunks, dimensions], in the order of the chunks. Without any a
/// chunk gets that of another one that says the same, or waits for it (Store::Unembedded).
struct DocumentVersion {
  DocumentRecord record;                                    ///< id, version, created, updated, chunks: the store's
  nlohmann::json file_metadata = nlohmann::json::object();  ///< what the file says; record.metadata is the user's
  std::string text;
  std::vector<Chunk> chunks;
  std::vector<float> vectors;
  /// A document that is there keeps what the user said of it, also what was said while this version was made. A new
  /// document of a source that is there already gets the access of the source's first document.
  bool keep_metadata = false, keep_access = false;
};

/// What changed, for the indexes: chunks that came, that went; documents whose metadata or access are others; vectors
/// of chunks that came without.
struct Change {
  enum class Kind : std::uint8_t { kChunkAdded, kChunkRemoved, kDocumentChanged, kDocumentRemoved, kVectorAdded };
  Sequence sequence = 0;
  Kind kind = Kind::kChunkAdded;
  std::uint32_t id = 0;  ///< ChunkId or DocumentId
  bool operator==(const Change&) const = default;
};

enum class JobState : std::uint8_t { kQueued, kRunning, kDone, kFailed, kCancelled };

struct Job {
  std::int64_t id = 0;
  std::string uri;                                      ///< of the source
  std::string kind;                                     ///< "add", "remove"
  nlohmann::json arguments = nlohmann::json::object();  ///< metadata, access, where the file lies
  /// The file itself, where it does not lie on this machine: for Enqueue only, see Store::Upload.
  std::optional<std::string> upload = {};
  JobState state = JobState::kQueued;
  std::string stage = {};                            ///< "parse", "store"
  double progress = 0;                               ///< 0 to 1
  std::string error = {};                            ///< why it failed, or why it is tried again
  nlohmann::json result = nlohmann::json::object();  ///< counts: documents, chunks, embedded, reused
  int attempts = 0;                                  ///< how often it was claimed
  std::int64_t not_before = 0;                       ///< is not claimed earlier; Unix milliseconds
  std::int64_t created = 0, updated = 0;             ///< Unix seconds
};

class Store {
 public:
  virtual ~Store() = default;

  // Documents. PutSource makes the versions all that there is of a source, at once for every reader: each chunk whose
  // hash the version before had keeps its id, documents of the source that are not among the versions are gone. With a
  // job: in the same step the job is done, with the counts of Job::result; kCancelled, and nothing is changed, if it
  // does not run any more. kInvalidArgument for a document that is not of the source.
  virtual Result<std::vector<DocumentRecord>> PutSource(std::string_view source,
                                                        std::span<const DocumentVersion> versions,
                                                        const Job* job = nullptr) = 0;
  /// PutSource of a file that is one document.
  Result<DocumentRecord> Put(const DocumentVersion& version);
  /// Of a document, or of a source with all its documents: no text, no chunk, no vector, no ended job is left. False:
  /// there was none.
  virtual Result<bool> Remove(std::string_view uri, const Job* job = nullptr) = 0;
  virtual Status SetMetadata(DocumentId id, const nlohmann::json& metadata) = 0;  ///< the user's; kNotFound
  virtual Status SetAccess(DocumentId id, const Access& access) = 0;              ///< kNotFound
  virtual Result<std::optional<DocumentRecord>> Find(std::string_view uri) = 0;
  virtual Result<std::optional<DocumentRecord>> Document(DocumentId id) = 0;
  virtual Result<std::vector<DocumentRecord>> Documents(DocumentId after, std::size_t limit) = 0;  ///< by id
  /// By URI, those that begin with `prefix` and come after `after`: the files of a folder ("file:///srv/docs/").
  virtual Result<std::vector<DocumentRecord>> DocumentsUnder(std::string_view prefix, std::string_view after,
                                                             std::size_t limit) = 0;
  virtual Result<std::vector<DocumentRecord>> DocumentsOfSource(std::string_view source) = 0;
  virtual Result<std::optional<std::string>> Text(DocumentId id) = 0;

  // Chunks. Ids that are no more are left out.
  virtual Result<std::vector<StoredChunk>> Chunks(std::span<const ChunkId> ids) = 0;  ///< in the order of ids
  virtual Result<std::vector<StoredChunk>> ChunksOf(DocumentId id, std::int32_t first, std::int32_t count) = 0;
  /// Calls for each live searchable chunk, by id, with its vector, which is empty where there is none (yet); of those
  /// ids only where they are given. A call that returns false ends it. The call must not use the store.
  using VisitChunk = std::function<bool(const StoredChunk& chunk, std::span<const float> vector)>;
  virtual Status ForEachChunk(std::span<const ChunkId> ids, const VisitChunk& visit) = 0;
  virtual Status ForEachChunk(const VisitChunk& visit) = 0;
  /// The same without reading text and vectors.
  virtual Status ForEachChunkId(const std::function<void(ChunkId chunk, DocumentId document)>& visit) = 0;
  /// Vectors of chunks that have these hashes, whosever they are, so that only what is new is embedded: each hash that
  /// is there once.
  virtual Result<std::vector<std::pair<Hash128, std::vector<float>>>> VectorsOf(std::span<const Hash128> hashes) = 0;
  /// Searchable chunks that wait for a vector, by id.
  virtual Result<std::vector<StoredChunk>> Unembedded(std::size_t limit) = 0;
  /// vectors: [ids, dimensions], or none: these cannot be embedded. Either way they wait no more. Ids that do not wait
  /// are passed over.
  virtual Status PutVectors(std::span<const ChunkId> ids, std::span<const float> vectors) = 0;

  struct Counts {
    std::int64_t documents = 0, chunks = 0, bytes = 0;  ///< chunks: searchable; bytes: of the files
    std::int64_t unembedded = 0;                        ///< chunks that wait for a vector
  };
  virtual Result<Counts> Count() = 0;

  // What happened after a sequence, in order. nullopt: it is too long ago to say (or never was), start anew from
  // ForEachChunk.
  virtual Result<Sequence> LastSequence() = 0;
  virtual Result<std::optional<std::vector<Change>>> ChangesSince(Sequence sequence, std::size_t limit) = 0;

  // Settings: of the embedder, chunker, analyser, fusion.
  virtual Result<nlohmann::json> Setting(std::string_view key) = 0;  ///< null where it was never set
  virtual Status SetSetting(std::string_view key, const nlohmann::json& value) = 0;

  // Jobs. Those of one URI run one after the other, in their order. Claims, stages and progress survive a crash of the
  // process, perhaps not one of the machine.
  virtual Result<std::vector<std::int64_t>> Enqueue(std::span<const Job> jobs) = 0;  ///< all or none
  virtual Result<std::optional<Job>> Claim() = 0;   ///< the oldest that is queued and due; it is running then
  virtual Result<bool> Update(const Job& job) = 0;  ///< state, stage, ...; false: it does not run any more
  virtual Result<std::optional<std::string>> Upload(std::int64_t id) = 0;  ///< kept until the job ends
  virtual Result<std::optional<Job>> FindJob(std::int64_t id) = 0;
  virtual Result<bool> HasPendingJobs(std::string_view uri) = 0;  ///< any of that URI that has not ended
  /// By id. The last kKeptJobs that ended are kept.
  virtual Result<std::vector<Job>> Jobs(std::optional<JobState> state, std::int64_t after, std::size_t limit) = 0;
  virtual Result<bool> Cancel(std::int64_t id) = 0;  ///< false: it has ended already
  /// Null: another process holds it.
  virtual Result<std::unique_ptr<Lease>> TryLease() = 0;
  /// For who holds the lease: jobs that a process before it had claimed are queued again.
  virtual Status ReleaseStaleJobs() = 0;

  /// Afterwards no byte of what was removed is left in the store's files (PostgreSQL's write-ahead log and backups are
  /// its administrator's). Slow.
  virtual Status Compact() = 0;
};

inline constexpr std::int64_t kKeptJobs = 10000;

struct StoreOptions {
  bool full_precision = false;          ///< vectors as f32 rather than f16
  std::int64_t kept_changes = 1 << 18;  ///< as many changes does ChangesSince reach back, at least
};

/// `location`: a folder, which is made; or postgres://USER@HOST/DATABASE#BASE, where several bases share a database.
/// Errors: kInvalidArgument when there is a base already.
Result<std::unique_ptr<Store>> CreateStore(const std::string& location, const StoreOptions& options = {});
/// Errors: kNotFound; kUnsupported when a newer strata made it.
Result<std::unique_ptr<Store>> OpenStore(const std::string& location);
/// Removes the base for good; nobody may have it open. kNotFound.
Status DeleteStore(const std::string& location);
/// Whether it lies in a database rather than a folder.
bool IsDatabaseUrl(std::string_view location);

}  // namespace strata::knowledge
