// Where the truth of a knowledge base lies: documents, their text, chunks, vectors, who may see them, jobs. Everything
// else (indexes, caches) can be made again from it. Two of them: SQLite in one file, PostgreSQL with pgvector.
//
// Thread-safe. A call that returned without an error has been written down for good.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/chunk/chunk.h"
#include "knowledge/types.h"

namespace strata::knowledge {

struct DocumentRecord {
  DocumentId id = 0;
  std::string uri;            ///< unique in the base: "file:///srv/a.pdf", "upload:a.pdf", "file:///b.zip#inner/c.txt"
  std::uint32_t version = 1;  ///< rises with each change of the content
  std::string title, media_type;
  std::string content_hash;                            ///< SHA-256 of the file
  nlohmann::json metadata = nlohmann::json::object();  ///< typed, of the user and of the file; what filters see
  Access access;
  std::int64_t bytes = 0, created = 0, updated = 0;  ///< Unix seconds
  std::int64_t chunks = 0;
  std::vector<std::string> warnings;
};

struct StoredChunk {
  ChunkId id = 0;
  DocumentId document = 0;
  std::uint32_t version = 0;
  std::int32_t ordinal = 0;  ///< place in the document, from 0
  std::optional<ChunkId> parent_id;
  Chunk chunk;
};

/// A new version of a document. vectors: [searchable chunks, dimensions], in the order of the chunks.
struct DocumentVersion {
  DocumentRecord record;  ///< id, version, created, updated, chunks are the store's to say
  std::string text;
  std::vector<Chunk> chunks;
  std::vector<float> vectors;
};

/// What changed, for the indexes: chunks that came, that went; documents whose metadata or access are others.
struct Change {
  enum class Kind : std::uint8_t { kChunkAdded, kChunkRemoved, kDocumentChanged, kDocumentRemoved };
  Sequence sequence = 0;
  Kind kind = Kind::kChunkAdded;
  std::uint32_t id = 0;  ///< ChunkId or DocumentId
  bool operator==(const Change&) const = default;
};

enum class JobState : std::uint8_t { kQueued, kRunning, kDone, kFailed, kCancelled };

struct Job {
  std::int64_t id = 0;
  std::string uri;           ///< of the document
  std::string kind;          ///< "add", "remove"
  nlohmann::json arguments;  ///< metadata, access, where the file lies
  JobState state = JobState::kQueued;
  std::string stage;    ///< "parse", "chunk", "embed", "store"
  double progress = 0;  ///< 0 to 1
  std::string error;    ///< why it failed
  int attempts = 0;
  std::int64_t created = 0, updated = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Documents. Put makes the version the document's only one, at once for every reader: chunks whose hash the version
  // before had keep their ids. Remove leaves nothing of it: no text, no chunk, no vector.
  virtual Result<DocumentRecord> Put(const DocumentVersion& version) = 0;
  virtual Result<bool> Remove(std::string_view uri) = 0;  ///< false: there was none
  virtual Status SetMetadata(DocumentId id, const nlohmann::json& metadata) = 0;
  virtual Status SetAccess(DocumentId id, const Access& access) = 0;
  virtual Result<std::optional<DocumentRecord>> Find(std::string_view uri) = 0;
  virtual Result<std::optional<DocumentRecord>> Document(DocumentId id) = 0;
  virtual Result<std::vector<DocumentRecord>> Documents(DocumentId after, std::size_t limit) = 0;  ///< by id
  virtual Result<std::optional<std::string>> Text(DocumentId id) = 0;

  // Chunks. Ids that are no more are left out.
  virtual Result<std::vector<StoredChunk>> Chunks(std::span<const ChunkId> ids) = 0;
  virtual Result<std::vector<StoredChunk>> ChunksOf(DocumentId id, std::int32_t first, std::int32_t count) = 0;
  /// Calls for each live searchable chunk, by id, with its vector; of this document only where one is given. A call
  /// that returns false ends it.
  using VisitChunk = std::function<bool(const StoredChunk& chunk, std::span<const float> vector)>;
  virtual Status ForEachChunk(std::span<const ChunkId> ids, const VisitChunk& visit) = 0;
  virtual Status ForEachChunk(const VisitChunk& visit) = 0;
  /// Vectors of the document's chunks by hash, so that only what changed is embedded again.
  virtual Result<std::vector<std::pair<Hash128, std::vector<float>>>> VectorsOf(DocumentId id) = 0;

  // What happened after a sequence, in order. nullopt: it is too long ago to say, start anew from ForEachChunk.
  virtual Result<Sequence> LastSequence() = 0;
  virtual Result<std::optional<std::vector<Change>>> ChangesSince(Sequence sequence, std::size_t limit) = 0;

  // Settings: of the embedder, chunker, analyser, fusion.
  virtual Result<nlohmann::json> Setting(std::string_view key) = 0;  ///< null where it was never set
  virtual Status SetSetting(std::string_view key, const nlohmann::json& value) = 0;

  // Jobs. A claimed job whose worker died is queued again by ReleaseStaleJobs.
  virtual Result<std::int64_t> Enqueue(const Job& job) = 0;
  virtual Result<std::optional<Job>> Claim() = 0;  ///< the oldest that is queued; it is running then
  virtual Status Update(const Job& job) = 0;       ///< stage, progress, state, error
  virtual Result<std::optional<Job>> FindJob(std::int64_t id) = 0;
  virtual Result<std::vector<Job>> Jobs(std::optional<JobState> state, std::int64_t after, std::size_t limit) = 0;
  virtual Result<bool> Cancel(std::int64_t id) = 0;  ///< false: it has ended already
  virtual Status ReleaseStaleJobs() = 0;
};

}  // namespace strata::knowledge
