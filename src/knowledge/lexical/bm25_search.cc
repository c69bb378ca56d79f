#include "knowledge/lexical/bm25_search.h"

#include <algorithm>
#include <vector>

#include "knowledge/top.h"

namespace strata::knowledge {
namespace {

// Bounds are above every score that they bound, in whatever order sums are rounded.
constexpr double kSlack = 1 + 1e-6;

// Where few documents are allowed, each is looked for in the lists; one look, which unpacks a block of 128, costs about
// what so many postings do that WAND stops at (measured by bench/knowledge).
constexpr std::size_t kPostingsPerLook = 8;

struct QueryTerm {
  std::string_view term;
  double weight;  ///< count in the query times idf
};

// A query's term in one segment.
struct Leg {
  PostingCursor cursor;
  std::size_t place;   ///< in the query
  double weight;       ///< of the term
  double bound_scale;  ///< weight, and what the segment's mean length has become since its bounds were made
  double list_bound;
};

class SegmentSearch {
 public:
  SegmentSearch(const Segment& segment, std::span<const QueryTerm> terms, const Bm25& bm25, double mean_length,
                const Bitmap* allowed, Top& top)
      : segment_(segment), bm25_(bm25), mean_length_(mean_length), allowed_(allowed), top_(top) {
    // Saturation rises with the mean length, by less than in proportion.
    const double drift = std::max(1.0, mean_length / segment.mean_length()) * kSlack;
    legs_.reserve(terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const std::optional<std::uint32_t> number = segment.FindTerm(terms[i].term);
      if (!number) continue;
      const double scale = terms[i].weight * drift;
      legs_.push_back({PostingCursor(segment, *number), i, terms[i].weight, scale, 0});
      legs_.back().list_bound = scale * double{legs_.back().cursor.term_bound()};
    }
    for (Leg& leg : legs_) order_.push_back(&leg);
  }

  // Block-max WAND (Ding and Suel 2011, figure 3).
  void All() {
    for (;;) {
      SortByDocument();
      const double threshold = double{top_.threshold()};
      const std::size_t pivots = FindPivot(threshold);
      if (pivots == 0) return;
      const std::uint32_t pivot = order_[pivots - 1]->cursor.document();
      double bound = 0;
      for (std::size_t i = 0; i < pivots; ++i) {
        order_[i]->cursor.SeekBlockTo(pivot);
        if (order_[i]->cursor.has_block()) bound += order_[i]->bound_scale * double{order_[i]->cursor.block_bound()};
      }
      if (bound < threshold) {
        SkipBlocks(pivots, pivot);
      } else if (order_[0]->cursor.document() == pivot) {
        if (IsWanted(pivot)) Score(pivot, pivots);
        for (std::size_t i = 0; i < pivots; ++i) order_[i]->cursor.Next();
      } else {
        Advance(pivots, pivot);
      }
    }
  }

  // Only these, in rising order.
  void Some(std::span<const ChunkId> ids) {
    const std::span<const ChunkId> all = segment_.ids();
    auto at = all.begin();
    for (const ChunkId id : ids) {
      at = std::lower_bound(at, all.end(), id);
      if (at == all.end()) return;
      if (*at != id) continue;
      const auto document = static_cast<std::uint32_t>(at - all.begin());
      if (!segment_.IsLive(document)) continue;
      for (Leg& leg : legs_) leg.cursor.SeekTo(document);
      const auto end =
          std::ranges::partition(order_, [&](const Leg* leg) { return leg->cursor.document() == document; });
      const auto with_term = static_cast<std::size_t>(end.begin() - order_.begin());
      if (with_term > 0) Score(document, with_term);
    }
  }

 private:
  void SortByDocument() {
    for (std::size_t i = 1; i < order_.size(); ++i) {
      Leg* leg = order_[i];
      std::size_t at = i;
      for (; at > 0 && order_[at - 1]->cursor.document() > leg->cursor.document(); --at) order_[at] = order_[at - 1];
      order_[at] = leg;
    }
  }

  // How many of the first could together reach the threshold, with all that are at the last one's document; 0: none.
  std::size_t FindPivot(double threshold) const {
    double bound = 0;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const std::uint32_t document = order_[i]->cursor.document();
      if (document == PostingCursor::kEnd) return 0;
      bound += order_[i]->list_bound;
      if (bound < threshold) continue;
      while (i + 1 < order_.size() && order_[i + 1]->cursor.document() == document) ++i;
      return i + 1;
    }
    return 0;
  }

  // No document before the end of the first of these blocks can get in, nor before the next list begins.
  void SkipBlocks(std::size_t pivots, std::uint32_t pivot) {
    std::uint32_t next = pivots < order_.size() ? order_[pivots]->cursor.document() : PostingCursor::kEnd;
    for (std::size_t i = 0; i < pivots; ++i) {
      if (order_[i]->cursor.has_block()) next = std::min(next, order_[i]->cursor.block_last() + 1);
    }
    Advance(pivots, std::max(next, pivot + 1));
  }

  // The weightiest list goes first: its blocks rule out most.
  void Advance(std::size_t pivots, std::uint32_t document) {
    Leg* best = nullptr;
    for (std::size_t i = 0; i < pivots; ++i) {
      if (order_[i]->cursor.document() >= document) continue;
      if (best == nullptr || order_[i]->list_bound > best->list_bound) best = order_[i];
    }
    best->cursor.SeekTo(document);
  }

  bool IsWanted(std::uint32_t document) const {
    return segment_.IsLive(document) && (allowed_ == nullptr || allowed_->Has(segment_.ids()[document]));
  }

  // By the first `with_term` legs of the order; summed in the order of the query, so that every plan rounds alike.
  void Score(std::uint32_t document, std::size_t with_term) {
    std::sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(with_term),
              [](const Leg* a, const Leg* b) { return a->place < b->place; });
    const double length = segment_.length(document);
    double score = 0;
    for (std::size_t i = 0; i < with_term; ++i) {
      score += order_[i]->weight * bm25_.Saturation(order_[i]->cursor.count(), length, mean_length_);
    }
    top_.Take({segment_.ids()[document], static_cast<float>(score)});
  }

  const Segment& segment_;
  const Bm25& bm25_;
  double mean_length_;
  const Bitmap* allowed_;
  Top& top_;
  std::vector<Leg> legs_;
  std::vector<Leg*> order_;
};

}  // namespace

Ranking SearchSegments(std::span<const std::shared_ptr<Segment>> segments, std::span<const TermCount> terms,
                       const Bm25& bm25, std::size_t k, const Bitmap* allowed) {
  std::size_t documents = 0, postings = 0;
  std::uint64_t length = 0;
  for (const auto& segment : segments) {
    documents += segment->live();
    length += segment->live_length();
  }
  if (documents == 0 || k == 0) return {};
  const double mean_length = std::max(1.0, static_cast<double>(length) / static_cast<double>(documents));
  std::vector<QueryTerm> query;
  for (const TermCount& term : terms) {
    std::size_t df = 0;
    for (const auto& segment : segments) {
      if (const auto number = segment->FindTerm(term.term)) df += segment->LiveDf(*number);
    }
    if (df == 0) continue;
    postings += df;
    query.push_back({term.term, term.count * Bm25::Idf(static_cast<double>(documents), static_cast<double>(df))});
  }
  std::vector<ChunkId> few;
  if (allowed != nullptr && allowed->Count() * query.size() * kPostingsPerLook < postings) {
    allowed->ForEach([&](std::uint32_t id) { few.push_back(id); });
    if (few.empty()) return {};
  }
  Top top(k);
  for (const auto& segment : segments) {
    SegmentSearch search(*segment, query, bm25, mean_length, allowed, top);
    if (few.empty()) {
      search.All();
    } else {
      search.Some(few);
    }
  }
  return std::move(top).Sorted();
}

}  // namespace strata::knowledge
