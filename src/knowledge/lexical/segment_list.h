// The segments of an index, which become fewer and larger while it grows.
//
// A reader works on the list that it finds; a writer puts another in its place. Segments of about the same size are
// merged when there are eight: small ones as soon as they come, larger ones by a thread of the list's own, so that no
// addition waits for them. A text is written again log8(texts) times, and a search looks at no more than some fifty.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "knowledge/lexical/segment.h"

namespace strata::knowledge {

using Segments = std::vector<std::shared_ptr<Segment>>;

/// Thread-safe.
class SegmentList {
 public:
  /// `at_once`: documents of a merge that an addition or a removal makes itself.
  explicit SegmentList(const Bm25& bm25, std::size_t at_once = 2048) : bm25_(bm25), at_once_(at_once) {}
  ~SegmentList();  ///< gives up a merge that is on its way

  std::shared_ptr<const Segments> View() const;
  /// In an empty list, what is live in them once.
  void Restore(Segments segments);

  /// Its documents take the place of what the list has under their ids.
  void Add(std::shared_ptr<Segment> segment);
  void Remove(ChunkId id);
  /// One segment without removed documents. Waits for a merge that is on its way.
  void Compact();

 private:
  static void Remove(const Segments& segments, ChunkId id);
  Segments Due(std::size_t most) const;
  void MergeWhatIsDue();
  void Replace(const Segments& old, std::shared_ptr<Segment> merged);
  void Show(Segments segments);
  void Work();

  const Bm25 bm25_;
  const std::size_t at_once_;
  mutable std::mutex view_mutex_;  ///< of `view_`, for as long as a pointer is copied
  std::shared_ptr<const Segments> view_ = std::make_shared<Segments>();

  std::mutex mutex_;             ///< of whoever writes, and of what follows
  Segments merging_;             ///< by the thread
  std::condition_variable due_;  ///< for the thread
  std::condition_variable merged_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;  ///< begins with the first merge that is not small
};

}  // namespace strata::knowledge
