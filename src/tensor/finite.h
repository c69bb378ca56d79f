// Numbers of stored weights that are no numbers: a damaged file has them, and what it answers is noise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tensor/dtype.h"
#include "tensor/tensor_view.h"

namespace strata {

/// Of MXFP4's e8m0 scales: 255 is NaN, and six, the greatest value, times 2^126 (of 253) is more than f32 has.
inline constexpr std::byte kGreatestMicroscale{252};

/// The first of `blocks` with a value, a scale or a minimum that is NaN or infinite. Of types whose values are
/// integers, and of strata's own, whose scales were looked at where they were read: none.
std::optional<std::size_t> FirstNotFinite(DType type, std::span<const std::byte> blocks);

/// A source of rows that may have values which are not finite though their scales are: to look at every value when the
/// source is made would read the weights twice, so who reads the rows asks.
class UncheckedRows : public RowSource {
 public:
  /// The first such row of [begin, begin + count).
  virtual std::optional<std::int64_t> FirstNotFinite(std::int64_t begin, std::int64_t count) const = 0;
};

/// Of a view whose rows a source makes, the first such row, counted as the source counts.
std::optional<std::int64_t> FirstRowNotFinite(const TensorView& made);

}  // namespace strata
