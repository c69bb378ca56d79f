// Numbers of stored weights that are no numbers: a damaged file has them, and what it answers is noise.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "tensor/dtype.h"

namespace strata {

/// The first of `blocks` with a value, a scale or a minimum that is NaN or infinite. Of types whose values are
/// integers, and of strata's own, whose scales were looked at where they were read: none.
std::optional<std::size_t> FirstNotFinite(DType type, std::span<const std::byte> blocks);

}  // namespace strata
