// Which bytes of the arena a value has, by liveness: two values share bytes when they are never alive together.
#pragma once

#include <cstddef>
#include <map>

namespace strata {

class ArenaLayout {
 public:
  /// The lowest hole that fits. Sizes are rounded up to cache lines.
  std::size_t Allocate(std::size_t bytes);
  void Free(std::size_t offset);
  /// Bytes that the arena needs.
  std::size_t size() const { return size_; }

 private:
  std::map<std::size_t, std::size_t> used_;  ///< offset -> bytes
  std::size_t size_ = 0;
};

}  // namespace strata
