// Inside the kernels only: linears over float weights. A panel is [k][16] of f32, f16 or bf16, padded to 64 bytes, so
// that a half-width weight costs half the memory traffic; a prepared row is f32 [k]. Sums go in the order of k.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {

enum class PanelFloat : std::uint8_t { kF32, kF16, kBF16 };

namespace {

[[maybe_unused]] constexpr std::int64_t FloatPanelBytes(PanelFloat type, std::int64_t k) {
  return (k * kPanel * (type == PanelFloat::kF32 ? 4 : 2) + 63) / 64 * 64;
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
