// Inside the kernels only: linears of int8 weights with one scale a column and inputs of int8 with one scale a token
// (W8A8 of compressed-tensors: strategies "channel" and "token"). No scale lies inside the sums, so a column's integers
// are added over all of k, exactly, and every product of scales is made once.
//
// A panel of 16 columns:
//   quants       [k / 4][16][4] int8: a quad is four successive k, as vpdpbusd wants them
//   scales       [16] f32
//   corrections  [16] int32, minus 128 times the sum of a column's quants: what vpdpbusd's unsigned inputs, which are
//                128 too large, add too much
// A prepared row is k quants, then their f32 scale, padded to 64 bytes. Quants are unsigned bytes q + 128 for AVX-512,
// int16 for AVX2, f32 for ref.
//
//   scale_r = max |x| / 127.5     q = x / scale_r, rounded half to even, held to -128..127
//   y = (sum of q_w q) * (scale_c * scale_r)
//
// which is what compressed-tensors 0.20 computes (calculate_qparams and quantize of a symmetric dynamic scheme), but
// that it adds the products as floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {

// Sums of so many products of int8 fit int32: each is 2^14 at most. Sums on the way may wrap round.
inline constexpr std::int64_t kMaxW8A8Columns = (1 << 17) - 1;
inline constexpr float kW8A8Range = 127.5F;  ///< half of what lies between -128 and 127
// Rows without a greater value are zero: below it 1 / scale may overflow.
inline constexpr float kTinyW8A8Scale = 1e-30F;
// A quotient is rounded from a product with 1 / scale where that is farther from a half than the two can differ.
inline constexpr float kSurelyRounded = 0.4999F;

namespace {

struct W8A8Panel {
  std::int64_t scales, corrections, bytes;
};
[[maybe_unused]] constexpr W8A8Panel W8A8PanelLayout(std::int64_t k) {
  const std::int64_t column = kPanel * 4;
  return {kPanel * k, kPanel * k + column, kPanel * k + 2 * column};
}
/// Of a prepared row whose quants take so many bytes.
[[maybe_unused]] constexpr std::int64_t W8A8RowBytes(std::int64_t quants) { return (quants + 4 + 63) / 64 * 64; }

}  // namespace

void PrepareW8A8Avx512(const PrepareArgs& args);
void RunW8A8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
void PrepareW8A8Avx2(const PrepareArgs& args);
void RunW8A8Avx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
void PrepareW8A8Ref(const PrepareArgs& args);
void RunW8A8Ref(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
