// Inside the kernels only: which stored row a packed column holds. Every packer walks its panels with this.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/kernels.h"

namespace strata::kernels {

/// Gives the stored blocks of packed columns; one object for each thread.
class StoredRows {
 public:
  explicit StoredRows(const PackSource& source) : source_(source) {}

  /// Of column [panel, column], until the next call; nothing where it is padding: at the end of the last panel or, of
  /// interleaved parts, of each one's.
  std::optional<std::span<const std::byte>> Row(std::int64_t panel, std::int64_t column) {
    if (source_.interleaved) {
      const auto parts = static_cast<std::int64_t>(source_.parts.size());
      const TensorView& part = source_.parts[static_cast<std::size_t>(panel % parts)];
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
