// One block of each quantised format, decoded and encoded. Layouts: ggml's block structs as GGUF files hold them; each
// function's comment gives the fields in order, with their sizes. Inside tensor/ only; the door is convert.h. Formats
// of sixteen levels are in levels.h, strata's own in scaled_blocks.h.
#pragma once

#include <cstdint>

namespace strata::blocks {

void DecodeQ4_0(const std::uint8_t* in, float* y);  ///< f16 d; 16 bytes of nibbles: value d * (q - 8)
void DecodeQ4_1(const std::uint8_t* in, float* y);  ///< f16 d, f16 m; 16 bytes of nibbles: d * q + m
void DecodeQ5_0(const std::uint8_t* in, float* y);  ///< f16 d; 4 bytes of fifth bits; 16 bytes: d * (q - 16)
void DecodeQ5_1(const std::uint8_t* in, float* y);  ///< f16 d, f16 m; 4 bytes of fifth bits; 16 bytes: d * q + m
void DecodeQ8_0(const std::uint8_t* in, float* y);  ///< f16 d; 32 signed bytes: d * q
void DecodeQ2_K(const std::uint8_t* in,
                float* y);  ///< 16 bytes (scale, min nibbles); 64 bytes of 2 bits; f16 d, f16 dmin
void DecodeQ3_K(const std::uint8_t* in,
                float* y);  ///< 32 bytes of high bits; 64 bytes of 2 bits; 12 bytes of 6-bit scales; f16 d
void DecodeQ4_K(const std::uint8_t* in,
                float* y);  ///< f16 d, f16 dmin; 12 bytes of 6-bit scales and mins; 128 bytes of nibbles
void DecodeQ5_K(const std::uint8_t* in, float* y);  ///< as Q4_K, 32 bytes of fifth bits before the nibbles
void DecodeQ6_K(const std::uint8_t* in,
                float* y);  ///< 128 bytes low nibbles; 64 bytes of high 2 bits; 16 signed scales; f16 d

/// The element of greatest magnitude, with its sign: symmetric formats give it the most negative code. NaN is never it.
float Extreme(const float* x, int count);

void EncodeQ4_0(const float* x, std::uint8_t* out);
void EncodeQ4_1(const float* x, std::uint8_t* out);
void EncodeQ5_0(const float* x, std::uint8_t* out);
void EncodeQ5_1(const float* x, std::uint8_t* out);
void EncodeQ8_0(const float* x, std::uint8_t* out);

}  // namespace strata::blocks
