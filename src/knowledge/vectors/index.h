// Search by vectors: HNSW (Malkov and Yashunin 2018, "Efficient and Robust Approximate Nearest Neighbor Search Using
// Hierarchical Navigable Small World Graphs"), and an exact scan where there are few vectors or few are allowed.
//
// Thread-safe: any number of searches beside one writer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "knowledge/bitmap.h"
#include "knowledge/scored.h"

namespace strata::knowledge {

enum class VectorStorage : std::uint8_t { kF32, kF16, kInt8 };  ///< kInt8 is scored again from f16

struct VectorOptions {
  std::int64_t dimensions = 0;
  VectorStorage storage = VectorStorage::kF16;
  int m = 16;  ///< neighbours of a node, twice as many at the bottom
  int ef_construction = 200;
  std::size_t exact_below = 20000;  ///< no graph before there are so many
};

/// How a search was done, for explanations and tests.
enum class VectorPlan : std::uint8_t { kExact, kExactFiltered, kGraph, kGraphFiltered };

class VectorIndex {
 public:
  explicit VectorIndex(VectorOptions options);
  ~VectorIndex();

  /// Reads what Save wrote. Errors: kNotFound, kCorrupt (checksum, another version or options): rebuild then.
  static Result<std::unique_ptr<VectorIndex>> Load(const std::string& path, VectorOptions options);
  /// Atomic; whoever writes waits for the part of it that copies the graph. `sequence`: what the index knows at least;
  /// sequence() gives it back after Load.
  Status Save(const std::string& path, Sequence sequence) const;
  Sequence sequence() const;

  /// Vectors of length 1; the score is their inner product. An id that is there already is replaced.
  void Add(ChunkId id, std::span<const float> vector);
  void Remove(ChunkId id);  ///< found no more at once; its neighbours are joined

  struct Options {
    int ef = 96;  ///< candidates that a graph search keeps, at least k
    const Bitmap* allowed = nullptr;
  };
  Ranking Search(std::span<const float> query, std::size_t k, const Options& options, VectorPlan* plan = nullptr) const;

  bool Has(ChunkId id) const;
  std::size_t size() const;
  double waste() const;  ///< how full of removed vectors it is, 0 to 1
  void Compact();        ///< afterwards no byte of a removed vector is left
  void CompactSome();    ///< a part of that, for which nobody waits long

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::knowledge
