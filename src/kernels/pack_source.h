// Inside the kernels only: which stored row a packed column holds. Every packer walks its panels with this.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/kernels.h"

namespace strata::kernels {

/// Gives the stored blocks of packed columns; one object for each thread. Interleaved parts have whole panels each (n_i
/// a multiple of kPanel).
class StoredRows {
 public:
  explicit StoredRows(const PackSource& source) : source_(source) {}

  /// Of column [panel, column], until the next call; nothing where the last panel is padding.
  std::optional<std::span<const std::byte>> Row(std::int64_t panel, std::int64_t column) {
    if (source_.interleaved) {
      const auto parts = static_cast<std::int64_t>(source_.parts.size());
      const TensorView& part = source_.parts[static_cast<std::size_t>(panel % parts)];
      assert(parts == 1 || part.shape.rows() % kPanel == 0);
      const std::int64_t row = panel / parts * kPanel + column;
      if (row >= part.shape.rows()) return std::nullopt;
      return part.row(row, scratch_);
    }
    std::int64_t row = panel * kPanel + column;
    for (const TensorView& part : source_.parts) {
      if (row < part.shape.rows()) return part.row(row, scratch_);
      row -= part.shape.rows();
    }
    return std::nullopt;
  }

 private:
  const PackSource& source_;
  std::vector<std::byte> scratch_;
};

}  // namespace strata::kernels
