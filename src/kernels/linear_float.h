// Inside the kernels only: linears over float weights. A panel is [k][16] of f32 or f16, or [k/2][16][2] of bf16 (two
// steps of k to a lane, so that a shift and a mask widen them), k rounded up to even, padded to 64 bytes: a half-width
// weight costs half the memory traffic. A prepared row is f32 [k]. Sums go in the order of k.
//
// bf16 is not multiplied by vdpbf16ps: it would round activations to 8 bits (or take two products for 16), and Intel's
// cores do half as much with it as with f32 FMA (123 against 247 GFLOPS a core of model 167, measured).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {

enum class PanelFloat : std::uint8_t { kF32, kF16, kBF16 };

namespace {

[[maybe_unused]] constexpr std::int64_t FloatPanelBytes(PanelFloat type, std::int64_t k) {
  return (k + 1) / 2 * (type == PanelFloat::kF32 ? 128 : 64);  // a pair of steps of 16 columns
}
[[maybe_unused]] constexpr std::int64_t FloatRowBytes(std::int64_t k) { return (k * 4 + 63) / 64 * 64; }

}  // namespace

// Defined and instantiated for every PanelFloat in linear_float_avx512.cc and linear_float_avx2.cc.
void PrepareFloatAvx512(const PrepareArgs& args);
template <PanelFloat kType>
void RunFloatAvx512(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

void PrepareFloatAvx2(const PrepareArgs& args);
template <PanelFloat kType>
void RunFloatAvx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
