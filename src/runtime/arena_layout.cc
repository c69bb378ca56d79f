#include "runtime/arena_layout.h"

#include <algorithm>

namespace strata {

std::size_t ArenaLayout::Allocate(std::size_t bytes) {
  constexpr std::size_t kLine = 64;
  bytes = (bytes + kLine - 1) / kLine * kLine;
  std::size_t hole = 0;
  for (const auto& [offset, length] : used_) {
    if (offset - hole >= bytes) break;
    hole = offset + length;
  }
  used_.emplace(hole, bytes);
  size_ = std::max(size_, hole + bytes);
  return hole;
}

void ArenaLayout::Free(std::size_t offset) { used_.erase(offset); }

}  // namespace strata
