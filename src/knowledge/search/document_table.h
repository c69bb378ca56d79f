// What a search must know of every document, in memory: which chunks are whose, who may see them, their metadata. It
// makes the set of chunks that a search may find before any index is asked, so that nothing else can leak.
//
// Thread-safe: any number of searches beside one writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "knowledge/bitmap.h"
#include "knowledge/search/filter.h"
#include "knowledge/store/store.h"
#include "knowledge/types.h"

namespace strata::knowledge {

class DocumentTable {
 public:
  DocumentTable();
  ~DocumentTable();

  void Put(const DocumentRecord& record);             ///< new, or others' metadata and access
  void Remove(DocumentId id);                         ///< and its chunks
  void AddChunk(ChunkId chunk, DocumentId document);  ///< found by nobody before the document was Put
  void RemoveChunk(ChunkId chunk);

  /// Chunks that the principal may see and whose document the filter (null: any) accepts. Sets of those who asked last
  /// are kept, and kept up to date.
  Bitmap Allowed(const Principal& principal, const Filter* filter = nullptr) const;
  /// The document, if the principal may see it now and the filter accepts it now; null else: one that may not be seen
  /// cannot be told from one that is not there.
  std::shared_ptr<const DocumentRecord> Find(DocumentId id, const Principal& principal,
                                             const Filter* filter = nullptr) const;
  /// The first `limit` documents after `after`, by id, that the principal may see.
  std::vector<DocumentId> Visible(const Principal& principal, DocumentId after, std::size_t limit) const;
  /// Nothing for a chunk that is no more.
  std::optional<DocumentId> DocumentOf(ChunkId chunk) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::knowledge
