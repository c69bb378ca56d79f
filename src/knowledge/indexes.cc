#include "knowledge/indexes.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "base/log.h"

namespace strata::knowledge {
namespace {

constexpr std::size_t kChangesAtOnce = 4096;
constexpr std::size_t kDocumentsAtOnce = 1000;
constexpr std::size_t kTextsAtOnce = 1024;
/// Saving is worth it when this share of the changes that the indexes consist of is new, and at least as many.
constexpr double kUnsavedShare = 0.1;
constexpr Sequence kUnsavedLeast = 2000;
/// As hnswlib measures: with half of the entries removed searches take twice as long.
constexpr double kWaste = 0.25;

std::string LexicalFile(const std::string& folder) { return folder + "/lexical.index"; }
std::string VectorFile(const std::string& folder) { return folder + "/vectors.index"; }

Result<std::unique_ptr<LexicalIndex>> NewIndex(const LexicalOptions& options) { return LexicalIndex::Create(options); }
Result<std::unique_ptr<VectorIndex>> NewIndex(const VectorOptions& options) {
  return std::make_unique<VectorIndex>(options);
}

/// The index from its file, or a new one where the file cannot be used or knows too little for the log of changes.
template <class Index, class Options>
Result<std::pair<std::unique_ptr<Index>, bool>> LoadOrNew(Store& store, const std::string& file,
                                                          const Options& options) {
  auto loaded = Index::Load(file, options);
  if (loaded) {
    STRATA_TRY(const auto changes, store.ChangesSince((*loaded)->sequence(), 1));
    if (changes) return std::pair(*std::move(loaded), false);
    LogInfo("{} is too old: it is made anew", file);
  } else if (loaded.error().code() != ErrorCode::kNotFound) {
    LogWarning("{}; the index is made anew", loaded.error().ToString());
  }
  STRATA_TRY(std::unique_ptr<Index> made, NewIndex(options));
  return std::pair(std::move(made), true);
}

/// Gathers texts for LexicalIndex::AddAll.
class TextsToAdd {
 public:
  explicit TextsToAdd(LexicalIndex& index) : index_(index) {}
  void Add(const StoredChunk& stored) {
    texts_.emplace_back(stored.id, IndexedText(stored.chunk));
    if (texts_.size() == kTextsAtOnce) Flush();
  }
  void Flush() {
    index_.AddAll(texts_);
    texts_.clear();
  }

 private:
  LexicalIndex& index_;
  std::vector<std::pair<ChunkId, std::string>> texts_;
};

}  // namespace

Result<std::unique_ptr<Indexes>> Indexes::Open(Store& store, const std::string& folder, const LexicalOptions& lexical,
                                               const VectorOptions& vectors) {
  auto indexes = std::unique_ptr<Indexes>(new Indexes(store, folder));
  STRATA_CHECK(indexes->Load(lexical, vectors));
  STRATA_CHECK(indexes->CatchUp());
  return indexes;
}

void Indexes::RemoveFiles(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::remove(LexicalFile(folder), ignored);
  std::filesystem::remove(VectorFile(folder), ignored);
  std::filesystem::remove(folder, ignored);  // stays where something else is in it
}

// What is read of the store here may already know of changes after the sequence; they are applied once more by CatchUp,
// which does not mind.
Status Indexes::Load(const LexicalOptions& lexical, const VectorOptions& vectors) {
  STRATA_TRY(const Sequence last, store_.LastSequence());
  bool new_lexical = false, new_vectors = false;
  {
    STRATA_TRY(auto index, (LoadOrNew<LexicalIndex>(store_, LexicalFile(folder_), lexical)));
    std::tie(lexical_, new_lexical) = std::move(index);
  }
  {
    STRATA_TRY(auto index, (LoadOrNew<VectorIndex>(store_, VectorFile(folder_), vectors)));
    std::tie(vectors_, new_vectors) = std::move(index);
  }
  STRATA_CHECK(FillTable());
  applied_ = last;
  if (!new_lexical) applied_ = std::min(applied_, lexical_->sequence());
  if (!new_vectors) applied_ = std::min(applied_, vectors_->sequence());
  saved_ = new_lexical || new_vectors ? 0 : applied_;
  return RebuildAll(new_lexical, new_vectors);
}

Status Indexes::FillTable() {
  for (DocumentId after = 0;;) {
    STRATA_TRY(const std::vector<DocumentRecord> records, store_.Documents(after, kDocumentsAtOnce));
    for (const DocumentRecord& record : records) {
      table_.Put(record);
      documents_.insert(record.id);
    }
    if (records.empty()) break;
    after = records.back().id;
  }
  return store_.ForEachChunkId([&](ChunkId id, DocumentId document) {
    table_.AddChunk(id, document);
    chunks_.Add(id);
    ++chunk_count_;
  });
}

Status Indexes::RebuildAll(bool lexical, bool vectors) {
  if (!lexical && !vectors) return {};
  TextsToAdd texts(*lexical_);
  STRATA_CHECK(store_.ForEachChunk([&](const StoredChunk& stored, std::span<const float> vector) {
    if (lexical) texts.Add(stored);
    if (vectors && !vector.empty()) vectors_->Add(stored.id, vector);
    return true;
  }));
  texts.Flush();
  return {};
}

Status Indexes::CatchUp() {
  const std::lock_guard lock(mutex_);
  for (;;) {
    STRATA_TRY(const auto changes, store_.ChangesSince(applied_, kChangesAtOnce));
    if (!changes) {
      STRATA_CHECK(Resynchronise());
      continue;
    }
    if (changes->empty()) return {};
    STRATA_CHECK(Apply(*changes));
    applied_ = changes->back().sequence;
  }
}

/// The order is that of safety: who may see a document is known before its chunks can be found, new chunks are in the
/// indexes before the table switches to them, and old ones leave the indexes last.
Status Indexes::Apply(std::span<const Change> changes) {
  std::map<ChunkId, bool> chunks;  // whether it came or went, at last
  std::set<ChunkId> embedded;      // of those that were there before
  std::set<DocumentId> changed, removed;
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kChunkAdded:
        chunks[change.id] = true;
        break;
      case Change::Kind::kChunkRemoved:
        chunks[change.id] = false;
        break;
      case Change::Kind::kDocumentChanged:
        changed.insert(change.id);
        break;
      case Change::Kind::kDocumentRemoved:
        removed.insert(change.id);
        break;
      case Change::Kind::kVectorAdded:
        if (!chunks.contains(change.id)) embedded.insert(change.id);
        break;
    }
  }
  std::vector<ChunkId> came, went;
  for (const auto& [id, added] : chunks) (added ? came : went).push_back(id);
  for (const DocumentId id : changed) {
    STRATA_TRY(const auto record, store_.Document(id));
    if (!record) continue;  // a later change says that it went
    table_.Put(*record);
    documents_.insert(id);
  }
  STRATA_CHECK(AddChunks(came));
  STRATA_CHECK(AddVectors(std::vector<ChunkId>(embedded.begin(), embedded.end())));
  RemoveChunks(went);
  for (const DocumentId id : removed) {
    table_.Remove(id);
    documents_.erase(id);
  }
  return {};
}

Status Indexes::AddChunks(std::span<const ChunkId> ids) {
  if (ids.empty()) return {};
  std::vector<std::pair<ChunkId, DocumentId>> added;
  TextsToAdd texts(*lexical_);
  STRATA_CHECK(store_.ForEachChunk(ids, [&](const StoredChunk& stored, std::span<const float> vector) {
    texts.Add(stored);
    if (!vector.empty()) vectors_->Add(stored.id, vector);
    added.emplace_back(stored.id, stored.document);
    return true;
  }));
  texts.Flush();
  for (const auto& [id, document] : added) {
    if (chunks_.Has(id)) continue;
    table_.AddChunk(id, document);
    chunks_.Add(id);
    ++chunk_count_;
  }
  return {};
}

Status Indexes::AddVectors(std::span<const ChunkId> ids) {
  if (ids.empty()) return {};
  return store_.ForEachChunk(ids, [&](const StoredChunk& stored, std::span<const float> vector) {
    if (!vector.empty()) vectors_->Add(stored.id, vector);
    return true;
  });
}

void Indexes::RemoveChunks(std::span<const ChunkId> ids) {
  for (const ChunkId id : ids) {
    if (!chunks_.Has(id)) continue;
    table_.RemoveChunk(id);
    chunks_.Remove(id);
    --chunk_count_;
  }
  for (const ChunkId id : ids) {
    lexical_->Remove(id);
    vectors_->Remove(id);
  }
}

/// So much happened in another process that the log does not reach back: compares what is there with what should be. A
/// number stands for the same text for ever, so numbers are all that need be compared.
Status Indexes::Resynchronise() {
  STRATA_TRY(const Sequence last, store_.LastSequence());
  std::set<DocumentId> documents;
  for (DocumentId after = 0;;) {
    STRATA_TRY(const std::vector<DocumentRecord> records, store_.Documents(after, kDocumentsAtOnce));
    for (const DocumentRecord& record : records) {
      table_.Put(record);
      documents.insert(record.id);
    }
    if (records.empty()) break;
    after = records.back().id;
  }
  Bitmap chunks;
  std::vector<ChunkId> came, went, without;  // a vector
  STRATA_CHECK(store_.ForEachChunkId([&](ChunkId id, DocumentId) {
    chunks.Add(id);
    if (!chunks_.Has(id)) {
      came.push_back(id);
    } else if (!vectors_->Has(id)) {
      without.push_back(id);
    }
  }));
  chunks_.ForEach([&](ChunkId id) {
    if (!chunks.Has(id)) went.push_back(id);
  });
  STRATA_CHECK(AddChunks(came));
  STRATA_CHECK(AddVectors(without));
  RemoveChunks(went);
  for (const DocumentId id : documents_) {
    if (!documents.contains(id)) table_.Remove(id);
  }
  documents_ = std::move(documents);
  applied_ = last;
  return {};
}

Status Indexes::SaveIfWorth() {
  {
    const std::lock_guard lock(mutex_);
    const auto least = static_cast<Sequence>(kUnsavedShare * static_cast<double>(chunk_count_));
    if (applied_ - saved_ < std::max(kUnsavedLeast, least)) return {};
  }
  return Save();
}

/// Changes go on meanwhile: the files may know more than they say, and what they know already is applied once more.
Status Indexes::Save() {
  const std::lock_guard saving(save_mutex_);
  Sequence sequence = 0;
  {
    const std::lock_guard lock(mutex_);
    if (saved_ == applied_) return {};
    sequence = applied_;
  }
  STRATA_CHECK(Write(sequence));
  const std::lock_guard lock(mutex_);
  saved_ = sequence;
  return {};
}

Status Indexes::Write(Sequence sequence) const {
  STRATA_CHECK(lexical_->Save(LexicalFile(folder_), sequence));
  return vectors_->Save(VectorFile(folder_), sequence);
}

void Indexes::CompactIfWorth() {
  if (vectors_->waste() > kWaste) vectors_->CompactSome();
}

Status Indexes::Compact() {
  const std::lock_guard saving(save_mutex_);
  STRATA_CHECK(CatchUp());
  const std::lock_guard lock(mutex_);
  lexical_->Compact();
  vectors_->Compact();
  STRATA_CHECK(Write(applied_));
  saved_ = applied_;
  return {};
}

}  // namespace strata::knowledge
