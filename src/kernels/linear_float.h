// Inside the kernels only: linears over float weights. A panel is [k][16] of f32 or f16, or [k/2][16][2] of bf16 (two
// steps of k to a lane, so that a shift and a mask widen them), k rounded up to even, padded to 64 bytes: a half-width
// weight costs half the memory traffic. A prepared row is f32 [k]. Sums go in the order of k.
//
// Panels of scaled_blocks.h's float8 and NF4 blocks are block after block: 16 f32 scales, then [k of a block][16] bytes
// (NF4: two successive k a byte). They widen to exactly the f32 that the block means.
//
// With activations of bf16 and panels in another order: linear_bf16.h. Here bf16 is not multiplied by vdpbf16ps: it
// would round activations to 8 bits (or take two products for 16), and Intel's cores do half as much with it as with
// f32 FMA (123 against 247 GFLOPS a core of model 167, measured).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {

enum class PanelFloat : std::uint8_t { kF32, kF16, kBF16, kF8_32, kF8_128, kNF4_64 };

// X(name, name in lower case) for all of them: the kernels' lists and instantiations.
#define STRATA_PANEL_FLOATS(X) X(F32, f32) X(F16, f16) X(BF16, bf16) X(F8_32, f8_32) X(F8_128, f8_128) X(NF4_64, nf4_64)

namespace {

inline constexpr std::int64_t kFloatBlockHead = kPanel * 4;
// A float8's fields in a half's places mean 2^-8 of it; the packed scale makes up for that.
inline constexpr float kFloat8Rebias = 256;

// Successive k that share a scale, and bytes of codes for them; 0: of a type without blocks.
[[maybe_unused]] constexpr std::int64_t FloatBlockSpan(PanelFloat type) {
  return type == PanelFloat::kF8_32 ? 32 : type == PanelFloat::kF8_128 ? 128 : type == PanelFloat::kNF4_64 ? 64 : 0;
}
[[maybe_unused]] constexpr std::int64_t FloatBlockCodes(PanelFloat type) {
  return FloatBlockSpan(type) / (type == PanelFloat::kNF4_64 ? 2 : 1);
}
// Of a panel.
[[maybe_unused]] constexpr std::int64_t FloatBlockBytes(PanelFloat type) {
  return kFloatBlockHead + FloatBlockCodes(type) * kPanel;
}

// Two successive steps of 16 columns, without scales.
[[maybe_unused]] constexpr std::int64_t FloatPairBytes(PanelFloat type) {
  switch (type) {
    case PanelFloat::kF32:
      return 8 * kPanel;
    case PanelFloat::kF16:
    case PanelFloat::kBF16:
      return 4 * kPanel;
    case PanelFloat::kNF4_64:
      return kPanel;
    default:
      return 2 * kPanel;
  }
}

// Where step k (even) of a panel lies.
[[maybe_unused]] constexpr std::int64_t FloatStepOffset(PanelFloat type, std::int64_t k) {
  const std::int64_t span = FloatBlockSpan(type);
  if (span == 0) return k / 2 * FloatPairBytes(type);
  return k / span * FloatBlockBytes(type) + kFloatBlockHead + k % span / 2 * FloatPairBytes(type);
}

[[maybe_unused]] constexpr std::int64_t FloatPanelBytes(PanelFloat type, std::int64_t k) {
  const std::int64_t span = FloatBlockSpan(type);
  return span == 0 ? (k + 1) / 2 * FloatPairBytes(type) : k / span * FloatBlockBytes(type);
}

// On tiles (linear_bf16.h) f32, f16 and bf16 are bf16 [k / 32][16][32], and a block's codes [k / 32][16][32] bytes; of
// NF4 [k / 32][16][16], the second sixteen of k above the first.
[[maybe_unused]] constexpr std::int64_t FloatTileGroupBytes(PanelFloat type) {
  return FloatBlockSpan(type) == 0 ? 64 * kPanel : FloatBlockCodes(type) * 32 / FloatBlockSpan(type) * kPanel;
}
// Where the 32 steps of group g lie.
[[maybe_unused]] constexpr std::int64_t FloatTileGroupOffset(PanelFloat type, std::int64_t g) {
  const std::int64_t span = FloatBlockSpan(type);
  if (span == 0) return g * FloatTileGroupBytes(type);
  const std::int64_t in_block = span / 32;
  return g / in_block * FloatBlockBytes(type) + kFloatBlockHead + g % in_block * FloatTileGroupBytes(type);
}
/// Which of these a type is there.
template <PanelFloat kType>
inline constexpr PanelFloat kTileFloat = FloatBlockSpan(kType) == 0 ? PanelFloat::kBF16 : kType;
[[maybe_unused]] constexpr std::int64_t FloatTilePanelBytes(PanelFloat type, std::int64_t k) {
  return FloatBlockSpan(type) == 0 ? k / 32 * FloatTileGroupBytes(type) : FloatPanelBytes(type, k);
}

[[maybe_unused]] constexpr std::int64_t FloatRowBytes(std::int64_t k) { return (k * 4 + 63) / 64 * 64; }

/// norm(in, row): the row of a norm's weight, where there is one.
template <class Norm>
void PrepareFloatRows(const PrepareArgs& args, const Norm& norm) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    auto* row = reinterpret_cast<float*>(args.out + r * FloatRowBytes(args.k));
    if (args.norm_weight != nullptr) {
      norm(in, row);
    } else {
      for (std::int64_t i = 0; i < args.k; ++i) row[i] = in[i];
    }
  }
}

}  // namespace

// Defined and instantiated for every PanelFloat in linear_float_avx512.cc, linear_float_avx2.cc and
// linear_float_neon.cc.
void PrepareFloatAvx512(const PrepareArgs& args);
template <PanelFloat kType>
void RunFloatAvx512(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

void PrepareFloatAvx2(const PrepareArgs& args);
template <PanelFloat kType>
void RunFloatAvx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

void PrepareFloatNeon(const PrepareArgs& args);
template <PanelFloat kType>
void RunFloatNeon(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
