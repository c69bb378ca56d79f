// Search by words: an inverted index with BM25 scores (Robertson and Zaragoza 2009, "The Probabilistic Relevance
// Framework: BM25 and Beyond") and block-max WAND (Ding and Suel 2011, "Faster Top-k Document Retrieval Using
// Block-Max Indexes").
//
// Thread-safe: any number of searches beside one writer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "knowledge/bitmap.h"
#include "knowledge/scored.h"

namespace strata::knowledge {

struct LexicalOptions {
  /// Of the stemmer and the stop words ("english", "german", ...; "none"). Text in other scripts, identifiers and
  /// numbers are found whatever it is.
  std::string language = "english";
  float k1 = 0.9f, b = 0.4f;
};

class LexicalIndex {
 public:
  /// An empty one. Errors: kInvalidArgument for a language that there is no stemmer for, k1 < 0, b not in [0, 1].
  static Result<std::unique_ptr<LexicalIndex>> Create(const LexicalOptions& options);
  ~LexicalIndex();

  /// Reads what Save wrote. Errors: kNotFound, kCorrupt (checksum, another version or options): rebuild then.
  static Result<std::unique_ptr<LexicalIndex>> Load(const std::string& path, const LexicalOptions& options);
  /// Atomic; waits for nobody who writes. `sequence`: what the index knows at least; sequence() gives it back after
  /// Load.
  Status Save(const std::string& path, Sequence sequence) const;
  Sequence sequence() const;

  /// An id that is there already is replaced.
  void Add(ChunkId id, std::string_view text);
  /// Each in its turn, but many at once take a fraction of the time; some thousands fit in memory.
  void AddAll(std::span<const std::pair<ChunkId, std::string>> texts);
  void Remove(ChunkId id);

  /// The best k that share a word with the query and are in `allowed` (null: all). Scores are exact BM25 of the live
  /// chunks' statistics, summed in double over the query's terms in the order of the query.
  Ranking Search(std::string_view query, std::size_t k, const Bitmap* allowed = nullptr) const;

  std::size_t size() const;  ///< live chunks
  void Compact();            ///< afterwards no byte of a removed chunk's words is left

 private:
  struct State;
  explicit LexicalIndex(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace strata::knowledge
