#include "knowledge/lexical/segment.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "knowledge/lexical/packing.h"

namespace strata::knowledge {

double Bm25::Idf(double documents, double with_term) {
  return std::log(1 + (documents - with_term + 0.5) / (with_term + 0.5));
}

std::optional<std::uint32_t> Segment::FindDocument(ChunkId id) const {
  const auto found = std::ranges::lower_bound(ids_, id);
  if (found == ids_.end() || *found != id) return std::nullopt;
  return static_cast<std::uint32_t>(found - ids_.begin());
}

std::optional<std::uint32_t> Segment::FindTerm(std::string_view wanted) const {
  std::size_t first = 0;
  for (std::size_t count = terms(); count > 0;) {
    const std::size_t half = count / 2;
    if (term(first + half) < wanted) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  if (first == terms() || term(first) != wanted) return std::nullopt;
  return static_cast<std::uint32_t>(first);
}

void Segment::Remove(std::uint32_t document) {
  const std::uint32_t number = removed_number_.load(std::memory_order_relaxed);
  removed_bits_[document / 64].fetch_or(std::uint64_t{1} << document % 64, std::memory_order_relaxed);
  live_length_.fetch_sub(lengths_[document], std::memory_order_relaxed);
  removed_[number] = document;
  removed_number_.store(number + 1, std::memory_order_release);
}

std::uint32_t Segment::LiveDf(std::uint32_t term) const {
  const std::uint32_t removed_number = removed_number_.load(std::memory_order_acquire);
  const std::uint64_t counted = counted_[term].load(std::memory_order_relaxed);
  const auto upto = static_cast<std::uint32_t>(counted >> 32);
  auto with_term = static_cast<std::uint32_t>(counted);
  if (upto < removed_number) {
    std::vector<std::uint32_t> removed(removed_.get() + upto, removed_.get() + removed_number);
    std::ranges::sort(removed);
    PostingCursor cursor(*this, term);
    for (const std::uint32_t document : removed) {
      cursor.SeekTo(document);
      if (cursor.document() == document) ++with_term;
    }
    // Whoever counts at the same time comes to the same, up to another place, perhaps.
    counted_[term].store(std::uint64_t{removed_number} << 32 | with_term, std::memory_order_relaxed);
  }
  return dfs_[term] - with_term;
}

std::vector<Posting> Segment::Postings(std::uint32_t term) const {
  std::vector<Posting> postings;
  postings.reserve(dfs_[term]);
  for (PostingCursor cursor(*this, term); cursor.document() != PostingCursor::kEnd; cursor.Next()) {
    postings.push_back({cursor.document(), cursor.count()});
  }
  return postings;
}

void Segment::Finish(const Bm25& bm25) {
  const std::uint64_t total = std::accumulate(lengths_.begin(), lengths_.end(), std::uint64_t{0});
  live_length_ = total;
  mean_length_ = std::max(1.0, static_cast<double>(total) / static_cast<double>(std::max<std::size_t>(1, documents())));
  first_blocks_ = {0};
  for (const std::uint32_t df : dfs_) {
    first_blocks_.push_back(first_blocks_.back() + static_cast<std::uint32_t>((df + kBlock - 1) / kBlock));
  }
  removed_bits_ = std::make_unique<std::atomic<std::uint64_t>[]>(documents() / 64 + 1);
  removed_ = std::make_unique_for_overwrite<std::uint32_t[]>(documents());
  counted_ = std::make_unique<std::atomic<std::uint64_t>[]>(terms());
  block_bounds_.resize(block_last_.size());
  term_bounds_.resize(terms());
  for (std::uint32_t term = 0; term < terms(); ++term) {
    PostingCursor cursor(*this, term);
    for (std::uint32_t block = first_blocks_[term]; block < first_blocks_[term + 1]; ++block) {
      double bound = 0;
      for (; cursor.document() <= block_last_[block]; cursor.Next()) {
        bound = std::max(bound, bm25.Saturation(cursor.count(), lengths_[cursor.document()], mean_length_));
      }
      block_bounds_[block] = std::nextafter(static_cast<float>(bound), 2.0f);
      term_bounds_[term] = std::max(term_bounds_[term], block_bounds_[block]);
    }
  }
}

PostingCursor::PostingCursor(const Segment& segment, std::uint32_t term)
    : segment_(&segment),
      term_(term),
      block_(segment.first_blocks_[term]),
      blocks_end_(segment.first_blocks_[term + 1]) {
  Decode();
}

void PostingCursor::Decode() {
  if (block_ >= blocks_end_) {
    document_ = kEnd;
    return;
  }
  const std::uint32_t first = segment_->first_blocks_[term_];
  const bool last_block = block_ + 1 == blocks_end_;
  size_ = last_block ? segment_->dfs_[term_] - (block_ - first) * Segment::kBlock : Segment::kBlock;
  Unpack(segment_->postings_.data() + segment_->block_begin_[block_], size_, segment_->block_gap_bits_[block_],
         documents_);
  std::uint32_t document = block_ == first ? 0 : segment_->block_last_[block_ - 1] + 1;
  for (std::uint32_t i = 0; i < size_; ++i) {
    document += documents_[i];
    documents_[i] = document++;
  }
  decoded_ = block_;
  has_counts_ = false;
  place_ = 0;
  document_ = documents_[0];
}

std::uint32_t PostingCursor::count() {
  if (!has_counts_) {
    Unpack(segment_->postings_.data() + segment_->block_begin_[decoded_] +
               PackedBytes(size_, segment_->block_gap_bits_[decoded_]),
           size_, segment_->block_count_bits_[decoded_], counts_);
    has_counts_ = true;
  }
  return counts_[place_] + 1;
}

void PostingCursor::Next() {
  if (++place_ < size_) {
    document_ = documents_[place_];
    return;
  }
  block_ = decoded_ + 1;
  Decode();
}

void PostingCursor::SeekBlockTo(std::uint32_t document) {
  // Mostly the same block or the next; otherwise it doubles its steps.
  const std::uint32_t* last = segment_->block_last_.data();
  if (block_ >= blocks_end_ || last[block_] >= document) return;
  std::uint32_t step = 1, before = block_;
  while (block_ + step < blocks_end_ && last[block_ + step] < document) {
    before = block_ + step;
    step *= 2;
  }
  const std::uint32_t* end = last + std::min(blocks_end_, block_ + step + 1);
  block_ = static_cast<std::uint32_t>(std::lower_bound(last + before + 1, end, document) - last);
}

void PostingCursor::SeekTo(std::uint32_t document) {
  if (document_ >= document) return;
  SeekBlockTo(document);
  if (block_ != decoded_) Decode();
  if (document_ >= document) return;
  place_ = static_cast<std::uint32_t>(std::lower_bound(documents_ + place_, documents_ + size_, document) - documents_);
  document_ = documents_[place_];
}

SegmentBuilder::SegmentBuilder(std::vector<ChunkId> ids, std::vector<std::uint32_t> lengths)
    : segment_(std::make_shared<Segment>()) {
  segment_->ids_ = std::move(ids);
  segment_->lengths_ = std::move(lengths);
}

void SegmentBuilder::AddTerm(std::string_view term, std::span<const Posting> postings) {
  Segment& segment = *segment_;
  segment.term_bytes_.insert(segment.term_bytes_.end(), term.begin(), term.end());
  segment.term_begins_.push_back(segment.term_bytes_.size());
  segment.dfs_.push_back(static_cast<std::uint32_t>(postings.size()));
  std::uint32_t next = 0;
  for (std::span<const Posting> rest = postings; !rest.empty();) {
    const std::span<const Posting> block = rest.first(std::min(rest.size(), Segment::kBlock));
    rest = rest.subspan(block.size());
    std::uint32_t gaps[Segment::kBlock], counts[Segment::kBlock];
    for (std::size_t i = 0; i < block.size(); ++i) {
      gaps[i] = block[i].document - next;
      counts[i] = block[i].count - 1;
      next = block[i].document + 1;
    }
    const std::span<const std::uint32_t> gap_span(gaps, block.size()), count_span(counts, block.size());
    segment.block_last_.push_back(block.back().document);
    segment.block_begin_.push_back(segment.postings_.size());
    segment.block_gap_bits_.push_back(BitsOf(gap_span));
    segment.block_count_bits_.push_back(BitsOf(count_span));
    Pack(gap_span, segment.block_gap_bits_.back(), segment.postings_);
    Pack(count_span, segment.block_count_bits_.back(), segment.postings_);
  }
}

std::shared_ptr<Segment> SegmentBuilder::Finish(const Bm25& bm25) {
  segment_->postings_.resize(segment_->postings_.size() + kPackingSlack);
  segment_->Finish(bm25);
  return std::move(segment_);
}

namespace {

constexpr std::uint32_t kGone = ~std::uint32_t{0};

// Which number a segment's documents have in the merged one.
struct Renumbered {
  const Segment* segment;
  std::vector<std::uint32_t> numbers;
  std::uint32_t term = 0;  ///< the next to be merged
};

}  // namespace

std::shared_ptr<Segment> Merge(std::span<const std::shared_ptr<Segment>> segments, const Bm25& bm25,
                               const std::atomic<bool>* stop) {
  struct Source {
    ChunkId id;
    std::uint32_t segment, document;
  };
  std::vector<Source> sources;
  std::vector<Renumbered> inputs;
  for (std::uint32_t s = 0; s < segments.size(); ++s) {
    const Segment& segment = *segments[s];
    inputs.push_back({&segment, std::vector<std::uint32_t>(segment.documents(), kGone)});
    for (std::uint32_t d = 0; d < segment.documents(); ++d) {
      if (segment.IsLive(d)) sources.push_back({segment.ids()[d], s, d});
    }
  }
  if (sources.empty()) return nullptr;
  std::ranges::sort(sources, {}, &Source::id);
  std::vector<ChunkId> ids;
  std::vector<std::uint32_t> lengths;
  for (const Source& source : sources) {
    inputs[source.segment].numbers[source.document] = static_cast<std::uint32_t>(ids.size());
    ids.push_back(source.id);
    lengths.push_back(segments[source.segment]->length(source.document));
  }
  SegmentBuilder builder(std::move(ids), std::move(lengths));
  std::vector<Posting> postings;
  for (;;) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return nullptr;
    std::optional<std::string_view> least;
    for (const Renumbered& input : inputs) {
      if (input.term == input.segment->terms()) continue;
      const std::string_view term = input.segment->term(input.term);
      if (!least || term < *least) least = term;
    }
    if (!least) break;
    postings.clear();
    for (Renumbered& input : inputs) {
      if (input.term == input.segment->terms() || input.segment->term(input.term) != *least) continue;
      for (PostingCursor cursor(*input.segment, input.term); cursor.document() != PostingCursor::kEnd; cursor.Next()) {
        const std::uint32_t number = input.numbers[cursor.document()];
        if (number != kGone) postings.push_back({number, cursor.count()});
      }
      ++input.term;
    }
    // Segments mostly follow each other, as chunks get rising numbers.
    if (!std::ranges::is_sorted(postings, {}, &Posting::document)) {
      std::ranges::sort(postings, {}, &Posting::document);
    }
    if (!postings.empty()) builder.AddTerm(*least, postings);
  }
  return builder.Finish(bm25);
}

}  // namespace strata::knowledge
