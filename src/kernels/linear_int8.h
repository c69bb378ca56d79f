// Inside the kernels only: linears over group-32 integer weights times activations in one or two planes of int8. One
// packed layout and one prepared row serve every instruction set; a format differs in how wide its integers are and
// where its zero lies. With activations of bf16 the same packed weights are linear_prefill_amx.cc, for rows of prompts,
// and those with their quants in another order linear_bf16.h.
//
// A panel of 16 columns over k = 32 G is sections of G = 16 groups, the last of which may have fewer, so that it is
// read as one stream. A section is up to four arrays in a row:
//   quants  G x [4][16][4] bytes of two nibbles (quad j in the low ones, quad j+4 in the high ones; a quad is four
//           successive k, as vpdpbusd wants them), or G x [8][16][4] unsigned bytes
//   scales  G / span x [halves][16] f16, bf16, f32 or factors: where a format has two halves, each 16 of the 32 have
//           their own; elsewhere `span` successive groups may share them
//   mins    likewise, when the format stores them
//   shared  of scales that are factors: G / 8 x [16] f16, each followed by as many for the mins where there are some
// Behind them, where nibbles are indices into a list of sixteen, is the list, as unsigned bytes; then zeros up to a
// multiple of 64.
// A prepared row is G groups one after another, each of 32 planes bytes of quants and an Int8GroupTail. With one plane
// a quant is its byte. With two it is 256 high + low, where low is from -127 to 127 (a change of sign must not
// overflow: -128 is rounded up): 32 high bytes, then 32 low ones, or 32 words for loops that multiply words.
//
//   y = sum over halves or groups of d_w * d_a * (sum of (q_w - zero) q_a) + min_w * (d_a * sum of q_a)
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

/// Of a panel's quants: quads, as above; or, for tiles (linear_bf16.h), the 32 of a column together: [4][32] words of
/// four columns' nibbles, or [16][32] bytes.
enum class QuantOrder : std::uint8_t { kQuads, kTiles };

/// kFactors: signed bytes, each times the f16 that its column has for eight groups. The product is exact as f32.
enum class ScaleType : std::uint8_t { kF16, kBF16, kF32, kFactors };
inline constexpr std::int64_t kShare = 8;     ///< groups of one block of 256
inline constexpr std::int64_t kSection = 16;  ///< whole cache lines in every format

struct Int8Format {
  bool nibbles;      ///< quants are 0..15, two a byte
  bool stored_min;   ///< w = d (q - zero) + min; otherwise w = d (q - zero)
  ScaleType scales;  ///< of scales and mins: as narrow as holds them exactly
  int zero;
  int halves = 1;       ///< 2 where each half of a group has its own scale (and minimum)
  int span = 1;         ///< groups that share a scale and minimum; k is a multiple of 32 of them
  bool levels = false;  ///< nibbles stand for one of sixteen q, 0..255
};

inline constexpr Int8Format kFormatQ4_0 = {true, false, ScaleType::kF16, 8};
inline constexpr Int8Format kFormatQ4_1 = {true, true, ScaleType::kF16, 0};
inline constexpr Int8Format kFormatQ5_0 = {false, false, ScaleType::kF16, 16};
inline constexpr Int8Format kFormatQ5_1 = {false, true, ScaleType::kF16, 0};
inline constexpr Int8Format kFormatQ8_0 = {false, false, ScaleType::kF16, 128};
inline constexpr Int8Format kFormatQ2_K = {true, true, ScaleType::kFactors, 0, 2};
inline constexpr Int8Format kFormatQ3_K = {true, false, ScaleType::kFactors, 4, 2};
inline constexpr Int8Format kFormatQ4_K = {true, true, ScaleType::kFactors, 0};
inline constexpr Int8Format kFormatQ5_K = {false, true, ScaleType::kFactors, 0};
inline constexpr Int8Format kFormatQ6_K = {false, false, ScaleType::kFactors, 32, 2};
inline constexpr Int8Format kFormatLevelsF16 = {true, false, ScaleType::kF16, 128, 1, 1, true};
inline constexpr Int8Format kFormatLevelsBF16 = {true, false, ScaleType::kBF16, 128, 1, 1, true};
inline constexpr Int8Format kFormatLevelsF32 = {true, false, ScaleType::kF32, 128, 1, 1, true};
inline constexpr Int8Format kFormatLevelFactors = {true, false, ScaleType::kFactors, 128, 1, 1, true};
inline constexpr Int8Format kFormatLevelHalves = {true, false, ScaleType::kF32, 128, 2, 1, true};
// The zero points of blocks differ, mostly by nothing from the middle, which is taken off in integers.
inline constexpr Int8Format kFormatU4_32 = {true, true, ScaleType::kF32, 8};
inline constexpr Int8Format kFormatU4_128 = {true, true, ScaleType::kF32, 8, 1, 4};
inline constexpr Int8Format kFormatU8_32 = {false, true, ScaleType::kF32, 128};
inline constexpr Int8Format kFormatU8_128 = {false, true, ScaleType::kF32, 128, 1, 4};

// X(format) for all of them: the instantiations.
// clang-format off
#define STRATA_INT8_FORMATS(X) \
  X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K) X(Q6_K) \
  X(LevelsF16) X(LevelsBF16) X(LevelsF32) X(LevelFactors) X(LevelHalves) X(U4_32) X(U4_128) X(U8_32) X(U8_128)
// X(type, type in lower case, format) for the element types that are packed so: the kernels' lists.
#define STRATA_INT8_TYPES(X) \
  X(Q4_0, q4_0, Q4_0) X(Q4_1, q4_1, Q4_1) X(Q5_0, q5_0, Q5_0) X(Q5_1, q5_1, Q5_1) X(Q8_0, q8_0, Q8_0) \
  X(Q2_K, q2_k, Q2_K) X(Q3_K, q3_k, Q3_K) X(Q4_K, q4_k, Q4_K) X(Q5_K, q5_k, Q5_K) X(Q6_K, q6_k, Q6_K) \
  X(IQ4_NL, iq4_nl, LevelsF16) X(TQ1_0, tq1_0, LevelsF16) X(TQ2_0, tq2_0, LevelsF16) X(MXFP4, mxfp4, LevelsBF16) \
  X(IQ4_XS, iq4_xs, LevelFactors) X(IQ1_S, iq1_s, LevelsF32) X(IQ2_XXS, iq2_xxs, LevelsF32) \
  X(IQ3_XXS, iq3_xxs, LevelsF32) X(IQ3_S, iq3_s, LevelsF32) \
  X(IQ1_M, iq1_m, LevelHalves) X(IQ2_XS, iq2_xs, LevelHalves) X(IQ2_S, iq2_s, LevelHalves) \
  X(U4_32, u4_32, U4_32) X(U4_128, u4_128, U4_128) X(U8_32, u8_32, U8_32) X(U8_128, u8_128, U8_128)
// clang-format on

// Own copies for each instruction set's file.
namespace {

struct Int8Panel {
  std::int64_t groups, levels, bytes;  // levels: offset
};

// Offsets in a panel of what is a group's.
struct Int8Places {
  std::int64_t quants, scales, mins, shared;
};

// Of a group's quants.
[[maybe_unused]] constexpr std::int64_t QuantBytes(const Int8Format& format) { return format.nibbles ? 256 : 512; }
// Of its scales; as many more are mins.
[[maybe_unused]] constexpr std::int64_t ScaleBytes(const Int8Format& format) {
  const int each = format.scales == ScaleType::kF32 ? 4 : format.scales == ScaleType::kFactors ? 1 : 2;
  return format.halves * kPanel * each;
}
// Of what eight groups share: f16 of scales, then of mins.
[[maybe_unused]] constexpr std::int64_t SharedBytes(const Int8Format& format) {
  return format.scales == ScaleType::kFactors ? kPanel * 2 * (format.stored_min ? 2 : 1) : 0;
}
// Where the scales of half `half` lie, behind those of the first.
[[maybe_unused]] constexpr std::int64_t HalfOffset(const Int8Format& format, int half) {
  return half * ScaleBytes(format) / format.halves;
}
// Of `groups` groups in one section.
[[maybe_unused]] constexpr std::int64_t SectionBytes(const Int8Format& format, std::int64_t groups) {
  return groups * QuantBytes(format) + groups / format.span * ScaleBytes(format) * (format.stored_min ? 2 : 1) +
         groups / kShare * SharedBytes(format);
}

[[maybe_unused]] constexpr Int8Panel PanelLayout(const Int8Format& format, std::int64_t k) {
  Int8Panel panel{};
  panel.groups = k / kGroup;
  panel.levels =
      panel.groups / kSection * SectionBytes(format, kSection) + SectionBytes(format, panel.groups % kSection);
  panel.bytes = (panel.levels + (format.levels ? 16 : 0) + 63) / 64 * 64;
  return panel;
}

// The mins' half of what is shared is kPanel f16 behind that of the scales.
[[maybe_unused]] constexpr Int8Places PlacesOf(const Int8Format& format, const Int8Panel& panel, std::int64_t g) {
  const std::int64_t first = g / kSection * kSection, within = g - first;
  const std::int64_t groups = panel.groups - first < kSection ? panel.groups - first : kSection;
  const std::int64_t section = first / kSection * SectionBytes(format, kSection);
  const std::int64_t scales = section + groups * QuantBytes(format);
  const std::int64_t mins = scales + groups / format.span * ScaleBytes(format);
  const std::int64_t shared = section + SectionBytes(format, groups) - groups / kShare * SharedBytes(format);
  const std::int64_t scale = within / format.span * ScaleBytes(format);
  return {.quants = section + within * QuantBytes(format),
          .scales = scales + scale,
          .mins = mins + scale,
          .shared = shared + within / kShare * SharedBytes(format)};
}

// Of the group so many behind one that begins a block of kShare, in the same block.
[[maybe_unused]] constexpr Int8Places Behind(const Int8Format& format, Int8Places at, std::int64_t groups) {
  at.quants += groups * QuantBytes(format);
  at.scales += groups / format.span * ScaleBytes(format);
  at.mins += groups / format.span * ScaleBytes(format);
  return at;
}

[[maybe_unused]] constexpr std::int64_t Int8GroupBytes(int planes) { return planes * kGroup + 16; }

[[maybe_unused]] constexpr std::int64_t Int8RowBytes(int planes, std::int64_t k) {
  return (k / kGroup * Int8GroupBytes(planes) + 63) / 64 * 64;
}

// An odd number of cache lines: rows that a tile loads at once fall into different sets.
[[maybe_unused]] constexpr std::int64_t PrefillRowBytes(std::int64_t k) { return ((2 * k + 63) / 64 | 1) * 64; }

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
// linear_int8_avx512vnni.cc, linear_int8_avx2.cc and linear_int8_neondot.cc.

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

// Defined in linear_prefill_amx.cc, for every format above. A prepared row is k bf16, padded to PrefillRowBytes.
void PreparePrefillAmx(const PrepareArgs& args);
template <Int8Format kFormat>
void RunPrefillAmx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

template <int kPlanes>
void PrepareInt8NeonDot(const PrepareArgs& args);
template <Int8Format kFormat, int kPlanes>
void RunInt8NeonDot(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
