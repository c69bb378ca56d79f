// An immutable part of the inverted index: documents, terms, and for each term the documents that have it, in blocks.
// What changes is only which of its documents are removed.
//
// Documents are numbered within the segment, from 0, in the order of their ChunkIds; terms, too, in the order of their
// bytes. A block has up to 128 postings: gaps between document numbers, and counts, packed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/index_file.h"
#include "knowledge/types.h"

namespace strata::knowledge {

/// BM25's constants (Robertson and Zaragoza 2009, section 3.4).
struct Bm25 {
  double k1 = 0.9, b = 0.4;

  /// What a term's count in a text gives, without its idf: 0 to 1, rises with the count, falls with the length.
  double Saturation(double count, double length, double mean_length) const {
    return count / (count + k1 * (1 - b + b * length / mean_length));
  }
  /// idf as Lucene has it: above 0 for every term.
  static double Idf(double documents, double with_term);
};

struct Posting {
  std::uint32_t document = 0, count = 0;
};

class Segment {
 public:
  static constexpr std::size_t kBlock = 128;

  std::size_t documents() const { return ids_.size(); }
  std::size_t live() const { return ids_.size() - removed_number_.load(std::memory_order_acquire); }
  std::uint64_t live_length() const { return live_length_.load(std::memory_order_relaxed); }
  std::span<const ChunkId> ids() const { return ids_; }
  std::uint32_t length(std::uint32_t document) const { return lengths_[document]; }
  double mean_length() const { return mean_length_; }  ///< that the blocks' bounds were computed with

  std::optional<std::uint32_t> FindDocument(ChunkId id) const;  ///< removed ones, too
  bool IsLive(std::uint32_t document) const {
    return (removed_bits_[document / 64].load(std::memory_order_relaxed) >> document % 64 & 1) == 0;
  }
  /// Of one writer, for a live document.
  void Remove(std::uint32_t document);
  /// In the order in which they were.
  std::span<const std::uint32_t> removed() const {
    return {removed_.get(), removed_number_.load(std::memory_order_acquire)};
  }

  std::size_t terms() const { return dfs_.size(); }
  std::string_view term(std::size_t number) const {
    return {term_bytes_.data() + term_begins_[number], term_begins_[number + 1] - term_begins_[number]};
  }
  std::optional<std::uint32_t> FindTerm(std::string_view term) const;
  /// Documents with the term, removed ones, too, and live ones.
  std::uint32_t df(std::uint32_t term) const { return dfs_[term]; }
  std::uint32_t LiveDf(std::uint32_t term) const;
  std::vector<Posting> Postings(std::uint32_t term) const;

  /// As it is now; nothing when no document is live.
  void AddTo(IndexFileWriter& writer) const;
  /// Everything is checked, so that no later read can go astray. Errors: kCorrupt.
  static Result<std::shared_ptr<Segment>> Read(IndexFile& file, const Bm25& bm25);

 private:
  friend class SegmentBuilder;
  friend class PostingCursor;

  void Finish(const Bm25& bm25);  ///< what follows from the rest: first blocks, bounds, lengths
  Status Check(const std::string& path) const;
  Status CheckTerm(const std::string& path, std::uint32_t term, std::uint32_t first_block) const;

  std::vector<ChunkId> ids_;
  std::vector<std::uint32_t> lengths_;  ///< by document
  std::vector<char> term_bytes_;
  std::vector<std::uint64_t> term_begins_ = {0};
  std::vector<std::uint32_t> dfs_;
  std::vector<std::uint32_t> block_last_;   ///< document
  std::vector<std::uint64_t> block_begin_;  ///< in postings_
  std::vector<std::uint8_t> block_gap_bits_, block_count_bits_;
  std::vector<std::uint8_t> postings_;

  // Not in the file.
  std::vector<std::uint32_t> first_blocks_;  ///< by term, and the end
  double mean_length_ = 1;
  std::vector<float> block_bounds_, term_bounds_;  ///< greatest Saturation in it, with mean_length_
  std::atomic<std::uint64_t> live_length_ = 0;
  std::unique_ptr<std::atomic<std::uint64_t>[]> removed_bits_;
  // In the order in which they were removed, so that a term's live documents are counted anew only by what was removed
  // since it was counted last: `counted_` has that place in its upper half, and how many had the term in its lower.
  std::unique_ptr<std::uint32_t[]> removed_;
  std::atomic<std::uint32_t> removed_number_ = 0;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counted_;
};

/// Walks over one term's documents.
class PostingCursor {
 public:
  static constexpr std::uint32_t kEnd = ~std::uint32_t{0};

  PostingCursor(const Segment& segment, std::uint32_t term);

  std::uint32_t document() const { return document_; }  ///< kEnd after the last
  std::uint32_t count();                                ///< of the term, at document()
  void Next();
  void SeekTo(std::uint32_t document);  ///< to it or the first after it; never back

  float term_bound() const { return segment_->term_bounds_[term_]; }
  /// Moves the block, but not the document, to the one that `document` would be in. Then what it says of that block.
  void SeekBlockTo(std::uint32_t document);
  bool has_block() const { return block_ < blocks_end_; }
  float block_bound() const { return segment_->block_bounds_[block_]; }
  std::uint32_t block_last() const { return segment_->block_last_[block_]; }

 private:
  void Decode();

  const Segment* segment_;
  std::uint32_t term_;
  std::uint32_t block_, blocks_end_;
  std::uint32_t decoded_ = kEnd;  ///< block of documents_
  bool has_counts_ = false;
  std::uint32_t place_ = 0, size_ = 0;
  std::uint32_t document_ = kEnd;
  alignas(64) std::uint32_t documents_[Segment::kBlock];
  alignas(64) std::uint32_t counts_[Segment::kBlock];
};

/// ids rise; lengths belong to them.
class SegmentBuilder {
 public:
  SegmentBuilder(std::vector<ChunkId> ids, std::vector<std::uint32_t> lengths);
  /// Terms rise in the order of their bytes; documents of postings rise, and are not none.
  void AddTerm(std::string_view term, std::span<const Posting> postings);
  std::shared_ptr<Segment> Finish(const Bm25& bm25);

 private:
  std::shared_ptr<Segment> segment_;
};

/// One of what is live in the others; null when nothing is, or when it was to stop.
std::shared_ptr<Segment> Merge(std::span<const std::shared_ptr<Segment>> segments, const Bm25& bm25,
                               const std::atomic<bool>* stop = nullptr);

}  // namespace strata::knowledge
