// Inside the kernels only: which stored row a packed column holds. Every packer walks its panels with this.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kernels/kernels.h"

namespace strata::kernels {

/// The stored blocks of packed column [panel, column], or nothing where it is padding: at the end of
/// the last panel or, of interleaved parts, of each one's.
inline std::optional<std::span<const std::byte>> StoredRow(const PackSource& source, std::int64_t panel,
                                                           std::int64_t column) {
  if (source.interleaved) {
    const auto parts = static_cast<std::int64_t>(source.parts.size());
    const TensorView& part = source.parts[static_cast<std::size_t>(panel % parts)];
    const std::int64_t row = panel / parts * kPanel + column;
    if (row >= part.shape.rows()) return std::nullopt;
    return part.row(row);
  }
  std::int64_t row = panel * kPanel + column;
  for (const TensorView& part : source.parts) {
    if (row < part.shape.rows()) return part.row(row);
    row -= part.shape.rows();
  }
  return std::nullopt;
}

}  // namespace strata::kernels
