// Inside tensor: rounding 256 values into the K formats. Layouts: blocks.h. Rounding has many answers here; these take
// the scales whose squared error is least, of some candidates, an error in value i counting `weights[i]` times.
#pragma once

#include <cstdint>

namespace strata::blocks {

void EncodeQ4_K(const float* x, const float* weights, std::uint8_t* out);
void EncodeQ5_K(const float* x, const float* weights, std::uint8_t* out);
void EncodeQ6_K(const float* x, const float* weights, std::uint8_t* out);

}  // namespace strata::blocks
