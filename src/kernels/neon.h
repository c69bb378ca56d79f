// Inside the kernels only: what the NEON files share. Each file that includes this gets its own copies.
#pragma once

#include <arm_neon.h>

#include "kernels/kernels.h"
#include "kernels/row_scale.h"

namespace strata::kernels {
namespace {

/// Sixteen successive values: a panel's columns, or a block's positions.
struct SixteenFloats {
  float32x4_t v[4];
};

inline float32x4_t WidenF16(const std::uint16_t* half) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(half))); }

inline uint16x4_t NarrowF16(float32x4_t values) { return vreinterpret_u16_f16(vcvt_f16_f32(values)); }

// To nearest, beyond the range to the greatest.
[[maybe_unused]] void NarrowClamped(const float* in, std::int64_t count, std::uint16_t* half) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = in[i] > 65504.0f ? 65504.0f : in[i] < -65504.0f ? -65504.0f : in[i];
    half[i] = vget_lane_u16(NarrowF16(vdupq_n_f32(value)), 0);
  }
}

// 2^x for x <= 0, by the polynomial of the AVX-512 kernel; the exponent is put in by hand.
[[maybe_unused]] float32x4_t Exp2(float32x4_t x) {
  x = vmaxq_f32(x, vdupq_n_f32(-126.0f));  // below, f32 has no normal numbers; 1e-38 of a maximum of 1 is nothing
  const float32x4_t n = vrndnq_f32(x);
  const float32x4_t f = vsubq_f32(x, n);
  float32x4_t y = vdupq_n_f32(1.54035303933816e-4f);
  y = vfmaq_f32(vdupq_n_f32(1.33335581464284e-3f), y, f);
  y = vfmaq_f32(vdupq_n_f32(9.61812910762848e-3f), y, f);
  y = vfmaq_f32(vdupq_n_f32(5.55041086648216e-2f), y, f);
  y = vfmaq_f32(vdupq_n_f32(2.40226506959101e-1f), y, f);
  y = vfmaq_f32(vdupq_n_f32(6.93147180559945e-1f), y, f);
  y = vfmaq_f32(vdupq_n_f32(1.0f), y, f);
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
  return vmulq_f32(y, vreinterpretq_f32_s32(exponent));
}

// Between -1 and 1 of either sign, by 2^x; its absolute error is that of 1 in f32.
[[maybe_unused]] float32x4_t Tanh(float32x4_t x) {
  constexpr float kTwoLog2E = 2.88539008f;
  const float32x4_t power = Exp2(vmulq_n_f32(vabsq_f32(x), -kTwoLog2E));
  const float32x4_t one = vdupq_n_f32(1.0f);
  const float32x4_t tanh = vdivq_f32(vsubq_f32(one, power), vaddq_f32(one, power));
  return vbslq_f32(vdupq_n_u32(0x80000000), x, tanh);
}

// 1 / sqrt(mean(x^2) + eps), in an order that depends on k alone.
[[maybe_unused]] float RmsFactor(const float* x, std::int64_t k, float eps) {
  float32x4_t sums[4];
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0);
  std::int64_t i = 0;
  for (; i + 16 <= k; i += 16) {
    for (int j = 0; j < 4; ++j) {
      const float32x4_t a = vld1q_f32(x + i + 4 * j);
      sums[j] = vfmaq_f32(sums[j], a, a);
    }
  }
  float sum = vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[2]), vaddq_f32(sums[1], sums[3])));
  for (; i < k; ++i) sum += x[i] * x[i];
  return 1.0f / __builtin_sqrtf(sum / static_cast<float>(k) + eps);
}

// out = x * factor * weight.
[[maybe_unused]] void ScaleBy(const float* x, float factor, const float* weight, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * factor * weight[i];
}

// All bits in the first `count` lanes.
[[maybe_unused]] uint32x4_t FirstLanes(std::int64_t count) {
  constexpr std::int32_t kLanes[4] = {0, 1, 2, 3};
  return vcgtq_s32(vdupq_n_s32(static_cast<std::int32_t>(count)), vld1q_s32(kLanes));
}

// Up to four floats, zeros behind them.
[[maybe_unused]] float32x4_t LoadFirst(const float* values, std::int64_t count) {
  if (count >= 4) return vld1q_f32(values);
  float first[4] = {};
  for (std::int64_t i = 0; i < count; ++i) first[i] = values[i];
  return vld1q_f32(first);
}

// Rounds a row to integers of at most `most` and, times the scale that is returned, a norm of at most `longest`. What
// is not finite makes the scale NaN.
[[maybe_unused]] float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
  const auto load = [&](std::int64_t i) { return LoadFirst(x + i, count - i); };
  float32x4_t greatest = vdupq_n_f32(0);
  for (std::int64_t i = 0; i < count; i += 4) greatest = vmaxq_f32(greatest, vabsq_f32(load(i)));
  float32x4_t squares = vdupq_n_f32(0);
  const RowScale row(vmaxvq_f32(greatest));
  for (std::int64_t i = 0; i < count; i += 4) {
    const float32x4_t part = vmulq_n_f32(load(i), row.to_one);
    squares = vfmaq_f32(squares, part, part);
  }
  const float scale = row.Scale(vaddvq_f32(squares), most, longest);
  const float inverse = RowScale::Inverse(scale);
  for (std::int64_t i = 0; i < count; i += 4) {
    std::int16_t integers[4];
    vst1_s16(integers, vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(load(i), inverse))));
    for (std::int64_t j = 0; j < 4 && i + j < count; ++j) out[i + j] = integers[j];
  }
  return scale;
}

}  // namespace
}  // namespace strata::kernels
