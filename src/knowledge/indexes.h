// The indexes of a base in this process: loaded, brought up to what the store has, kept there, saved.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "knowledge/bitmap.h"
#include "knowledge/lexical/index.h"
#include "knowledge/search/document_table.h"
#include "knowledge/store/store.h"
#include "knowledge/vectors/index.h"

namespace strata::knowledge {

/// Thread-safe.
class Indexes {
 public:
  /// From `folder`, where there are files that can be used, else from the store. The store outlives it.
  static Result<std::unique_ptr<Indexes>> Open(Store& store, const std::string& folder, const LexicalOptions& lexical,
                                               const VectorOptions& vectors);
  static void RemoveFiles(const std::string& folder);

  /// What was committed to the store before this call is in the indexes after it.
  Status CatchUp();
  /// When so much changed that the next start would have to do much again.
  Status SaveIfWorth();
  Status Save();
  /// A part of what is to do where many of the vectors are removed.
  void CompactIfWorth();
  /// Scrubs and saves: no byte of a removed chunk is left in memory or in the files.
  Status Compact();

  const LexicalIndex& lexical() const { return *lexical_; }
  const VectorIndex& vectors() const { return *vectors_; }
  const DocumentTable& table() const { return table_; }

 private:
  Indexes(Store& store, std::string folder) : store_(store), folder_(std::move(folder)) {}

  Status Load(const LexicalOptions& lexical, const VectorOptions& vectors);
  Status FillTable();
  Status RebuildAll(bool lexical, bool vectors);
  Status Apply(std::span<const Change> changes);
  Status AddChunks(std::span<const ChunkId> ids);
  Status AddVectors(std::span<const ChunkId> ids);
  void RemoveChunks(std::span<const ChunkId> ids);
  Status Resynchronise();
  Status Write(Sequence sequence) const;

  Store& store_;
  std::string folder_;
  std::unique_ptr<LexicalIndex> lexical_;
  std::unique_ptr<VectorIndex> vectors_;
  DocumentTable table_;

  std::mutex save_mutex_;  // of who writes the files; before mutex_
  std::mutex mutex_;       // of all that is below, and of writing to the indexes
  Sequence applied_ = 0, saved_ = 0;
  Bitmap chunks_;  // that the table has
  std::size_t chunk_count_ = 0;
  std::set<DocumentId> documents_;
};

}  // namespace strata::knowledge
