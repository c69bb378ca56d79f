// Inside the kernels only: linears over group-32 integer weights times activations in one or two planes of int8. One
// packed layout and one prepared row serve every instruction set; a format differs in how wide its integers are and
// where its zero lies. The same packed weights times activations of bf16 are linear_bf16_amx.cc.
//
// A panel of 16 columns over k = 32 G is three arrays in a row, padded to 64 bytes:
//   quants  G x [4][16][4] bytes of two nibbles (quad j in the low ones, quad j+4 in the high ones; a quad is four
//           successive k, as vpdpbusd wants them), or G x [8][16][4] unsigned bytes
//   scales  G x [halves][16] f16 or f32: where a format has two halves, each 16 of the 32 have their own
//   mins    G x [halves][16] likewise, when the format stores them; otherwise the zero point is a constant
// A prepared row is G groups one after another, each of 32 planes bytes of quants and an Int8GroupTail. With one plane
// a quant is its byte. With two it is 256 high + low, where low is from -127 to 127 (a change of sign must not
// overflow: -128 is rounded up): 32 high bytes, then 32 low ones, or 32 words for loops that multiply words.
//
//   y = sum over halves or groups of d_w * d_a * (sum of q_w q_a) + min_w * (d_a * sum of q_a)
//
// The integer sums are exact; the float sums go one by one in every loop, two fused multiply-adds each, so a row's bits
// do not depend on its batch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {

inline constexpr std::int64_t kGroup = 32;
inline constexpr int kHighShift = 8;
inline constexpr int kMaxQuant[] = {0, 127, 127 << kHighShift};  ///< by the number of planes

struct Int8Format {
  bool nibbles;      ///< quants are 0..15, two a byte
  bool stored_min;   ///< w = d q + min; otherwise w = d (q - zero)
  bool wide_scales;  ///< scales and mins are f32 (products that f16 cannot hold), otherwise f16
  int zero;
  int halves = 1;  ///< 2 where each half of a group has its own scale (and minimum)
};

inline constexpr Int8Format kFormatQ4_0 = {true, false, false, 8};
inline constexpr Int8Format kFormatQ4_1 = {true, true, false, 0};
inline constexpr Int8Format kFormatQ5_0 = {false, false, false, 16};
inline constexpr Int8Format kFormatQ5_1 = {false, true, false, 0};
inline constexpr Int8Format kFormatQ8_0 = {false, false, false, 128};
inline constexpr Int8Format kFormatQ2_K = {true, true, true, 0, 2};
inline constexpr Int8Format kFormatQ3_K = {true, false, true, 4, 2};
inline constexpr Int8Format kFormatQ4_K = {true, true, true, 0};
inline constexpr Int8Format kFormatQ5_K = {false, true, true, 0};
inline constexpr Int8Format kFormatQ6_K = {false, false, true, 32, 2};

// X(name, name in lower case) for all formats: the kernels' lists and instantiations.
// clang-format off
#define STRATA_INT8_FORMATS(X) \
  X(Q4_0, q4_0) X(Q4_1, q4_1) X(Q5_0, q5_0) X(Q5_1, q5_1) X(Q8_0, q8_0) \
  X(Q2_K, q2_k) X(Q3_K, q3_k) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k)
// clang-format on

// Own copies for each instruction set's file.
namespace {

struct Int8Panel {
  std::int64_t quant_bytes, scale_bytes, scales, mins, bytes;  // of a group; of a group; offsets; of the panel
};

[[maybe_unused]] constexpr Int8Panel PanelLayout(const Int8Format& format, std::int64_t k) {
  const std::int64_t groups = k / kGroup;
  Int8Panel panel{};
  panel.quant_bytes = format.nibbles ? 256 : 512;
  panel.scale_bytes = format.halves * kPanel * (format.wide_scales ? 4 : 2);
  panel.scales = groups * panel.quant_bytes;
  panel.mins = panel.scales + groups * panel.scale_bytes;
  panel.bytes = panel.mins + (format.stored_min ? groups * panel.scale_bytes : 0);
  panel.bytes = (panel.bytes + 63) / 64 * 64;
  return panel;
}

[[maybe_unused]] constexpr std::int64_t Int8GroupBytes(int planes) { return planes * kGroup + 16; }

[[maybe_unused]] constexpr std::int64_t Int8RowBytes(int planes, std::int64_t k) {
  return (k / kGroup * Int8GroupBytes(planes) + 63) / 64 * 64;
}

// An odd number of cache lines: rows that a tile loads at once fall into different sets.
[[maybe_unused]] constexpr std::int64_t BF16RowBytes(std::int64_t k) { return ((2 * k + 63) / 64 | 1) * 64; }

struct Int8GroupTail {
  float scale;
  float scaled_sum;            ///< scale * (sum of the quants)
  std::int32_t negative_sum;   ///< minus the sum of the quants
  std::int32_t negative_half;  ///< minus the sum of the first 16

  /// Of half `half` of `halves`.
  inline std::int32_t NegativeSum(int half, int halves) const {
    return halves == 1 ? negative_sum : half == 0 ? negative_half : negative_sum - negative_half;
  }
  inline float ScaledSum(int half, int halves) const {
    return halves == 1 ? scaled_sum : scale * static_cast<float>(-NegativeSum(half, halves));
  }
};

// A group of a prepared row, in planes of bytes.
template <int kPlanes>
struct Int8Group {
  const std::byte* data;
  const std::int8_t* plane(int p) const { return reinterpret_cast<const std::int8_t*>(data) + p * kGroup; }
  const Int8GroupTail& tail() const { return *reinterpret_cast<const Int8GroupTail*>(data + kPlanes * kGroup); }
};

}  // namespace

// Defined and instantiated for every format above, for one and two planes, in linear_int8_prepare_avx512.cc,
// linear_int8_avx512vnni.cc and linear_int8_avx2.cc.

/// How the AVX-512 kernels compute more than kFewRows rows; the bits are the same. Strips unpack the weights again for
/// each few rows, which hides behind the multiplications where these take two passes (CpuFeatures::avx512_halves);
/// elsewhere tiles are faster. With two planes tiles multiply words: one sum a row instead of two to keep and to put
/// together. PrepareInt8Avx512 lays the quants out for it, by run_rows.
enum class ManyRowsBy : std::uint8_t { kTiles, kStrips };

template <int kPlanes, ManyRowsBy kManyRows>
void PrepareInt8Avx512(const PrepareArgs& args);
template <Int8Format kFormat, int kPlanes, ManyRowsBy kManyRows>
void RunInt8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

template <int kPlanes>
void PrepareInt8Avx2(const PrepareArgs& args);
template <Int8Format kFormat, int kPlanes>
void RunInt8Avx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

// Defined in linear_bf16_amx.cc, for every format above. A prepared row is k bf16, padded to BF16RowBytes.
void PrepareBF16Amx(const PrepareArgs& args);
template <Int8Format kFormat>
void RunBF16Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
