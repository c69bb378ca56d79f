#include <algorithm>

#include "knowledge/lexical/packing.h"
#include "knowledge/lexical/segment.h"

namespace strata::knowledge {

void Segment::AddTo(IndexFileWriter& writer) const {
  const std::span<const std::uint32_t> gone = removed();
  if (gone.size() == documents()) return;
  writer.Add(ids_);
  writer.Add(lengths_);
  writer.Add(term_bytes_);
  writer.Add(term_begins_);
  writer.Add(dfs_);
  writer.Add(block_last_);
  writer.Add(block_begin_);
  writer.Add(block_gap_bits_);
  writer.Add(block_count_bits_);
  writer.Add(postings_);
  writer.Add(gone);
}

Result<std::shared_ptr<Segment>> Segment::Read(IndexFile& file, const Bm25& bm25) {
  auto segment = std::make_shared<Segment>();
  STRATA_TRY(segment->ids_, file.Next<ChunkId>());
  STRATA_TRY(segment->lengths_, file.Next<std::uint32_t>());
  STRATA_TRY(segment->term_bytes_, file.Next<char>());
  STRATA_TRY(segment->term_begins_, file.Next<std::uint64_t>());
  STRATA_TRY(segment->dfs_, file.Next<std::uint32_t>());
  STRATA_TRY(segment->block_last_, file.Next<std::uint32_t>());
  STRATA_TRY(segment->block_begin_, file.Next<std::uint64_t>());
  STRATA_TRY(segment->block_gap_bits_, file.Next<std::uint8_t>());
  STRATA_TRY(segment->block_count_bits_, file.Next<std::uint8_t>());
  STRATA_TRY(segment->postings_, file.Next<std::uint8_t>());
  STRATA_TRY(const std::vector<std::uint32_t> removed, file.Next<std::uint32_t>());
  STRATA_CHECK(segment->Check(file.path()));
  segment->Finish(bm25);
  for (const std::uint32_t document : removed) {
    if (document >= segment->documents() || !segment->IsLive(document)) {
      return Fail(ErrorCode::kCorrupt, "{}: document {} of {} cannot be removed", file.path(), document,
                  segment->documents());
    }
    segment->Remove(document);
  }
  return segment;
}

Status Segment::Check(const std::string& path) const {
  const auto corrupt = [&](std::string_view what) { return Fail(ErrorCode::kCorrupt, "{}: {}", path, what); };
  if (std::ranges::adjacent_find(ids_, std::greater_equal<>()) != ids_.end()) return corrupt("ids do not rise");
  if (lengths_.size() != ids_.size()) return corrupt("not a length for each id");
  if (term_begins_.size() != terms() + 1 || term_begins_.front() != 0 || term_begins_.back() != term_bytes_.size() ||
      !std::ranges::is_sorted(term_begins_)) {
    return corrupt("the places of its terms do not fit");
  }
  for (std::size_t i = 0; i + 1 < terms(); ++i) {
    if (term(i) >= term(i + 1)) return corrupt("terms do not rise");
  }
  const std::size_t blocks = block_last_.size();
  if (block_begin_.size() != blocks || block_gap_bits_.size() != blocks || block_count_bits_.size() != blocks) {
    return corrupt("not a place and widths for each block");
  }
  std::uint32_t block = 0;
  for (std::uint32_t term = 0; term < terms(); ++term) {
    STRATA_CHECK(CheckTerm(path, term, block));
    block += static_cast<std::uint32_t>((dfs_[term] + kBlock - 1) / kBlock);
  }
  if (block != blocks) return corrupt("blocks that belong to no term");
  return {};
}

Status Segment::CheckTerm(const std::string& path, std::uint32_t term, std::uint32_t first_block) const {
  const auto corrupt = [&](std::string_view what) {
    return Fail(ErrorCode::kCorrupt, "{}: term {}: {}", path, term, what);
  };
  if (dfs_[term] == 0 || dfs_[term] > documents()) return corrupt("in no document, or in more than there are");
  std::uint64_t next = 0;
  std::uint32_t left = dfs_[term];
  for (std::size_t block = first_block; left > 0; ++block) {
    if (block >= block_last_.size()) return corrupt("blocks are missing");
    const std::size_t size = std::min<std::size_t>(left, kBlock);
    const std::uint8_t gap_bits = block_gap_bits_[block], count_bits = block_count_bits_[block];
    if (gap_bits > 32 || count_bits > 32) return corrupt("a width of more than 32 bits");
    const std::size_t bytes = PackedBytes(size, gap_bits) + PackedBytes(size, count_bits) + kPackingSlack;
    if (bytes > postings_.size() || block_begin_[block] > postings_.size() - bytes) {
      return corrupt("a block that reaches beyond the postings");
    }
    std::uint32_t gaps[kBlock], counts[kBlock];
    Unpack(postings_.data() + block_begin_[block], size, gap_bits, gaps);
    Unpack(postings_.data() + block_begin_[block] + PackedBytes(size, gap_bits), size, count_bits, counts);
    for (std::size_t i = 0; i < size; ++i) {
      next += std::uint64_t{gaps[i]} + 1;
      if (next > documents() || counts[i] == ~std::uint32_t{0}) return corrupt("a posting of no document");
    }
    if (next - 1 != block_last_[block]) return corrupt("a block that does not end where it says");
    left -= static_cast<std::uint32_t>(size);
  }
  return {};
}

}  // namespace strata::knowledge
