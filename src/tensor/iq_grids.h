// The grids of GGUF's i-quants: an entry is four or eight magnitudes at once, each packed as its index in the format's
// list of magnitudes, the first in the lowest bits. Inside tensor/ only.
#pragma once

#include <cstdint>

namespace strata {

extern const std::uint16_t kGridIQ1_S[2048];   ///< eight of 2 bits: 0, 1, 2 mean -1, 0, 1
extern const std::uint16_t kGridIQ2_XXS[256];  ///< eight of 2 bits
extern const std::uint16_t kGridIQ2_XS[512];   ///< eight of 2 bits
extern const std::uint16_t kGridIQ2_S[1024];   ///< eight of 2 bits
extern const std::uint16_t kGridIQ3_XXS[256];  ///< four of 3 bits
extern const std::uint16_t kGridIQ3_S[512];    ///< four of 3 bits

}  // namespace strata
