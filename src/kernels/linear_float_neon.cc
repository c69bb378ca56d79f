// Float linears on q registers: tiles of four rows and one panel, sixteen sums in registers (as many as hide the
// multiply-add's latency on two to four pipes).
#include <arm_neon.h>

#include "kernels/linear_float.h"
#include "kernels/linear_panels.h"
#include "kernels/neon.h"
#include "tensor/scaled_blocks.h"

namespace strata::kernels {
namespace {

// The bytes of what kNF4 has for sixteen codes: tbl looks bytes up, so each code becomes its float's four places.
inline SixteenFloats NF4(uint8x16_t codes) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(kNF4);
  const uint8x16x4_t table = {{vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)}};
  constexpr std::uint8_t kSpread[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
  constexpr std::uint8_t kPlace[16] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
  const uint8x16_t first = vshlq_n_u8(codes, 2);
  SixteenFloats out;
  for (int q = 0; q < 4; ++q) {
    const uint8x16_t spread = vaddq_u8(vld1q_u8(kSpread), vdupq_n_u8(static_cast<std::uint8_t>(4 * q)));
    const uint8x16_t at = vaddq_u8(vqtbl1q_u8(first, spread), vld1q_u8(kPlace));
    out.v[q] = vreinterpretq_f32_u8(vqtbl4q_u8(table, at));
  }
  return out;
}

// Sixteen float8 as f32, but for kFloat8Rebias.
inline SixteenFloats Float8(uint8x16_t codes) {
  SixteenFloats out;
  for (int half = 0; half < 2; ++half) {
    const uint16x8_t words = half == 0 ? vmovl_u8(vget_low_u8(codes)) : vmovl_high_u8(codes);
    const uint16x8_t magnitude = vandq_u16(vshlq_n_u16(words, 7), vdupq_n_u16(0x3f80));
    const uint16x8_t sign = vandq_u16(vshlq_n_u16(words, 8), vdupq_n_u16(0x8000));
    const float16x8_t halves = vreinterpretq_f16_u16(vorrq_u16(magnitude, sign));
    out.v[2 * half] = vcvt_f32_f16(vget_low_f16(halves));
    out.v[2 * half + 1] = vcvt_high_f32_f16(halves);
  }
  return out;
}

// A panel's columns at k (even) and k + 1.
template <PanelFloat kType>
inline void LoadPair(const std::byte* panel, std::int64_t k, SixteenFloats& even, SixteenFloats& odd) {
  const std::byte* pair = panel + FloatStepOffset(kType, k);
  constexpr std::int64_t kSpan = FloatBlockSpan(kType);
  if constexpr (kSpan != 0) {
    const auto* scales = reinterpret_cast<const float*>(panel + k / kSpan * FloatBlockBytes(kType));
    const uint8x16_t codes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(pair));
    if constexpr (kType == PanelFloat::kNF4_64) {
      even = NF4(vandq_u8(codes, vdupq_n_u8(15)));
      odd = NF4(vshrq_n_u8(codes, 4));
    } else {
      even = Float8(codes);
      odd = Float8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(pair) + kPanel));
    }
    for (int q = 0; q < 4; ++q) {
      const float32x4_t scale = vld1q_f32(scales + 4 * q);
      even.v[q] = vmulq_f32(even.v[q], scale);
      odd.v[q] = vmulq_f32(odd.v[q], scale);
    }
  } else {
    for (int q = 0; q < 4; ++q) {
      if constexpr (kType == PanelFloat::kF32) {
        const auto* weights = reinterpret_cast<const float*>(pair) + 4 * q;
        even.v[q] = vld1q_f32(weights);
        odd.v[q] = vld1q_f32(weights + kPanel);
      } else if constexpr (kType == PanelFloat::kF16) {
        const auto* weights = reinterpret_cast<const std::uint16_t*>(pair) + 4 * q;
        even.v[q] = WidenF16(weights);
        odd.v[q] = WidenF16(weights + kPanel);
      } else {
        const uint32x4_t both = vld1q_u32(reinterpret_cast<const std::uint32_t*>(pair) + 4 * q);
        even.v[q] = vreinterpretq_f32_u32(vshlq_n_u32(both, 16));
        odd.v[q] = vreinterpretq_f32_u32(vandq_u32(both, vdupq_n_u32(0xffff0000)));
      }
    }
  }
}

template <PanelFloat kType, int kRows>
void Tile(const LinearArgs& args, std::int64_t row0, const std::byte* panel, float* acc, std::int64_t acc_stride) {
  const auto* x = reinterpret_cast<const float*>(args.activations + row0 * FloatRowBytes(args.k));
  const std::int64_t x_stride = FloatRowBytes(args.k) / 4;
  SixteenFloats sums[kRows];
  for (auto& row : sums) {
    for (float32x4_t& sum : row.v) sum = vdupq_n_f32(0);
  }
  const auto step = [&](std::int64_t k, const SixteenFloats& weights) {
    for (int r = 0; r < kRows; ++r) {
      const float value = x[r * x_stride + k];
      for (int q = 0; q < 4; ++q) sums[r].v[q] = vfmaq_n_f32(sums[r].v[q], weights.v[q], value);
    }
  };
  for (std::int64_t k = 0; k < args.k; k += 2) {
    SixteenFloats even;
    SixteenFloats odd;
    LoadPair<kType>(panel, k, even, odd);
    step(k, even);
    if (k + 1 < args.k) step(k + 1, odd);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int q = 0; q < 4; ++q) vst1q_f32(acc + r * acc_stride + 4 * q, sums[r].v[q]);
  }
}

}  // namespace

void PrepareFloatNeon(const PrepareArgs& args) {
  PrepareFloatRows(args, [&](const float* in, float* row) {
    ScaleBy(in, RmsFactor(in, args.k, args.norm_eps), args.norm_weight, args.k, row);
  });
}

template <PanelFloat kType>
void RunFloatNeon(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunByPanels(args, FloatPanelBytes(kType, args.k), panel_begin, panel_end,
              [&](std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc, std::int64_t stride) {
                std::int64_t r = 0;
                for (; r + 4 <= rows; r += 4) Tile<kType, 4>(args, row0 + r, panel, acc + r * stride, stride);
                for (; r < rows; ++r) Tile<kType, 1>(args, row0 + r, panel, acc + r * stride, stride);
              });
}

#define STRATA_INSTANTIATE(name, lower) \
  template void RunFloatNeon<PanelFloat::k##name>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_PANEL_FLOATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
