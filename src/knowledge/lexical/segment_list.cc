#include "knowledge/lexical/segment_list.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>
#include <utility>

namespace strata::knowledge {
namespace {

constexpr std::size_t kMergeFactor = 8, kSizes = 12;
constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

std::size_t SizeOf(const Segment& segment) {
  static_assert(kMergeFactor == 8);
  const std::size_t size = static_cast<std::size_t>(std::bit_width(segment.live() | 1) - 1) / 3;
  return std::min(size, kSizes - 1);
}

bool Has(const Segments& segments, const std::shared_ptr<Segment>& segment) {
  return std::ranges::find(segments, segment) != segments.end();
}

}  // namespace

SegmentList::~SegmentList() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  due_.notify_all();
  thread_.join();
}

std::shared_ptr<const Segments> SegmentList::View() const {
  const std::scoped_lock lock(view_mutex_);
  return view_;
}

void SegmentList::Show(Segments segments) {
  auto shown = std::make_shared<const Segments>(std::move(segments));
  const std::scoped_lock lock(view_mutex_);
  view_.swap(shown);
}

void SegmentList::Restore(Segments segments) {
  const std::scoped_lock lock(mutex_);
  Show(std::move(segments));
  MergeWhatIsDue();
}

void SegmentList::Add(std::shared_ptr<Segment> segment) {
  const std::scoped_lock lock(mutex_);
  Segments segments = *View();
  for (const ChunkId id : segment->ids()) Remove(segments, id);
  segments.push_back(std::move(segment));
  Show(std::move(segments));
  MergeWhatIsDue();
}

void SegmentList::Remove(ChunkId id) {
  const std::scoped_lock lock(mutex_);
  Remove(*View(), id);
  MergeWhatIsDue();
}

void SegmentList::Remove(const Segments& segments, ChunkId id) {
  for (const auto& segment : segments) {
    const auto document = segment->FindDocument(id);
    if (!document || !segment->IsLive(*document)) continue;
    segment->Remove(*document);
    return;
  }
}

void SegmentList::Compact() {
  std::unique_lock lock(mutex_);
  merged_.wait(lock, [&] { return merging_.empty(); });
  const Segments all = *View();
  Replace(all, Merge(all, bm25_));
}

/// What is to become one segment, of at most so many documents: one that half is removed of, or as many alike as a
/// merge takes. None that the thread is at.
Segments SegmentList::Due(std::size_t most) const {
  std::array<Segments, kSizes> alike;
  std::array<std::size_t, kSizes> live = {};
  for (const auto& segment : *View()) {
    if (Has(merging_, segment)) continue;
    if (segment->live() * 2 <= segment->documents() && segment->live() <= most) return {segment};
    const std::size_t size = SizeOf(*segment);
    alike[size].push_back(segment);
    live[size] += segment->live();
  }
  for (std::size_t size = 0; size < kSizes; ++size) {
    if (alike[size].size() >= kMergeFactor && live[size] <= most) return std::move(alike[size]);
  }
  return {};
}

void SegmentList::MergeWhatIsDue() {
  for (Segments due = Due(at_once_); !due.empty(); due = Due(at_once_)) Replace(due, Merge(due, bm25_));
  if (!merging_.empty() || Due(kAny).empty()) return;
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  due_.notify_one();
}

void SegmentList::Replace(const Segments& old, std::shared_ptr<Segment> merged) {
  Segments segments = *View();
  std::erase_if(segments, [&](const auto& segment) { return Has(old, segment); });
  if (merged != nullptr && merged->live() > 0) segments.push_back(std::move(merged));
  Show(std::move(segments));
}

void SegmentList::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    due_.wait(lock, [&] { return stop_ || !(merging_ = Due(kAny)).empty(); });
    if (stop_) return;
    std::vector<std::size_t> removed;
    for (const auto& segment : merging_) removed.push_back(segment->removed().size());
    lock.unlock();
    const std::shared_ptr<Segment> merged = Merge(merging_, bm25_, &stop_);
    lock.lock();
    if (stop_) return;
    // What was removed meanwhile. If its id came again, that is in none of these segments.
    for (std::size_t i = 0; i < merging_.size() && merged != nullptr; ++i) {
      for (const std::uint32_t document : merging_[i]->removed().subspan(removed[i])) {
        const auto at = merged->FindDocument(merging_[i]->ids()[document]);
        if (at && merged->IsLive(*at)) merged->Remove(*at);
      }
    }
    Replace(merging_, merged);
    merging_.clear();
    merged_.notify_all();
  }
}

}  // namespace strata::knowledge
