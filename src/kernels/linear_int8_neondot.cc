// Int8 linears with sdot: half a panel (eight columns) of a group stays unpacked in sixteen registers while up to 64
// rows pass, their f32 sums in L1. sdot takes both factors signed, so zero points are taken off as bytes are loaded.
#include <cstring>

#include <arm_neon.h>

#include "kernels/linear_int8.h"
#include "kernels/linear_panels.h"
#include "kernels/neon.h"

namespace strata::kernels {
namespace {

// Four quads of four columns, by four quads of a row.
inline int32x4_t DotFourQuads(int32x4_t sum, const int8x16_t* quads, int8x16_t row) {
  sum = vdotq_laneq_s32(sum, quads[0], row, 0);
  sum = vdotq_laneq_s32(sum, quads[1], row, 1);
  sum = vdotq_laneq_s32(sum, quads[2], row, 2);
  return vdotq_laneq_s32(sum, quads[3], row, 3);
}

// Eight columns of one group, by fours.
template <Int8Format kFormat>
struct HalfGroup {
  static constexpr int kHalves = kFormat.halves;
  int8x16_t quads[2][8];
  float32x4_t scale[2][kHalves];
  float32x4_t min[2][kHalves];

  inline void Load(const std::byte* panel, const Int8Panel& layout, std::int64_t g, int half) {
    const Int8Places at = PlacesOf(kFormat, layout, g);
    for (int c = 0; c < 2; ++c) {
      const int four = 2 * half + c;  // columns [4 four, 4 four + 4)
      const auto* quants = reinterpret_cast<const std::uint8_t*>(panel + at.quants) + 16 * four;
      if constexpr (kFormat.nibbles) {
        for (int j = 0; j < 4; ++j) {
          const uint8x16_t packed = vld1q_u8(quants + 64 * j);
          quads[c][j] = OfNibbles(panel, layout, vandq_u8(packed, vdupq_n_u8(15)));
          quads[c][j + 4] = OfNibbles(panel, layout, vshrq_n_u8(packed, 4));
        }
      } else {
        for (int j = 0; j < 8; ++j) quads[c][j] = WithoutZero(vld1q_u8(quants + 64 * j));
      }
      for (int h = 0; h < kHalves; ++h) {
        const std::byte* const shared = panel + at.shared;
        const std::int64_t offset = HalfOffset(kFormat, h);
        scale[c][h] = Widen(panel + at.scales + offset, shared, four);
        if constexpr (kFormat.stored_min) min[c][h] = Widen(panel + at.mins + offset, shared + 2 * kPanel, four);
      }
    }
  }

  static inline int8x16_t OfNibbles(const std::byte* panel, const Int8Panel& layout, uint8x16_t nibbles) {
    if constexpr (kFormat.levels) {
      const auto* levels = reinterpret_cast<const std::uint8_t*>(panel + layout.levels);
      return vqtbl1q_s8(WithoutZero(vld1q_u8(levels)), nibbles);
    }
    return WithoutZero(nibbles);
  }

  static inline int8x16_t WithoutZero(uint8x16_t bytes) {
    return vreinterpretq_s8_u8(vsubq_u8(bytes, vdupq_n_u8(static_cast<std::uint8_t>(kFormat.zero))));
  }

  static inline float32x4_t Widen(const std::byte* values, const std::byte* shared, int four) {
    if constexpr (kFormat.scales == ScaleType::kF32)
      return vld1q_f32(reinterpret_cast<const float*>(values) + 4 * four);
    if constexpr (kFormat.scales == ScaleType::kFactors) {
      std::int32_t bytes;
      std::memcpy(&bytes, values + 4 * four, sizeof bytes);
      const int8x8_t factors = vreinterpret_s8_s32(vdup_n_s32(bytes));
      const int32x4_t wide = vmovl_s16(vget_low_s16(vmovl_s8(factors)));
      return vmulq_f32(vcvtq_f32_s32(wide), WidenF16(reinterpret_cast<const std::uint16_t*>(shared) + 4 * four));
    }
    const std::uint16_t* narrow = reinterpret_cast<const std::uint16_t*>(values) + 4 * four;
    if constexpr (kFormat.scales == ScaleType::kF16) return WidenF16(narrow);
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(narrow), 16));
  }

  // Of four columns with half h of a plane, or with all of it where the group has one scale.
  inline int32x4_t PlaneDot(int c, int h, const int8x16_t* plane) const {
    const int32x4_t zero = vdupq_n_s32(0);
    if constexpr (kHalves == 2) return DotFourQuads(zero, quads[c] + 4 * h, plane[h]);
    return DotFourQuads(DotFourQuads(zero, quads[c], plane[0]), quads[c] + 4, plane[1]);
  }

  // Adds the group's part of one row to eight sums.
  template <int kPlanes>
  inline void Accumulate(Int8Group<kPlanes> row, float* sums) const {
    const Int8GroupTail& tail = row.tail();
    int8x16_t planes[kPlanes][2];
    for (int p = 0; p < kPlanes; ++p) {
      for (int part = 0; part < 2; ++part) planes[p][part] = vld1q_s8(row.plane(p) + 16 * part);
    }
    for (int c = 0; c < 2; ++c) {
      float32x4_t sum = vld1q_f32(sums + 4 * c);
      for (int h = 0; h < kHalves; ++h) {
        int32x4_t dot = PlaneDot(c, h, planes[0]);
        if constexpr (kPlanes == 2) dot = vaddq_s32(vshlq_n_s32(dot, kHighShift), PlaneDot(c, h, planes[1]));
        sum = vfmaq_f32(sum, vcvtq_f32_s32(dot), vmulq_n_f32(scale[c][h], tail.scale));
        if constexpr (kFormat.stored_min) sum = vfmaq_n_f32(sum, min[c][h], tail.ScaledSum(h, kHalves));
      }
      vst1q_f32(sums + 4 * c, sum);
    }
  }
};

template <Int8Format kFormat, int kPlanes>
void Rows(const LinearArgs& args, std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc,
          std::int64_t acc_stride) {
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  const std::int64_t row_bytes = Int8RowBytes(kPlanes, args.k);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (int q = 0; q < 4; ++q) vst1q_f32(acc + r * acc_stride + 4 * q, vdupq_n_f32(0));
  }
  for (std::int64_t g = 0; g < args.k / kGroup; ++g) {
    for (int half = 0; half < 2; ++half) {
      HalfGroup<kFormat> weights;
      weights.Load(panel, layout, g, half);
      for (std::int64_t r = 0; r < rows; ++r) {
        const Int8Group<kPlanes> row{args.activations + (row0 + r) * row_bytes + g * Int8GroupBytes(kPlanes)};
        weights.template Accumulate<kPlanes>(row, acc + r * acc_stride + 8 * half);
      }
    }
  }
}

inline int8x16_t NarrowToBytes(const int32x4_t (&v)[4]) {
  const int16x8_t low = vcombine_s16(vmovn_s32(v[0]), vmovn_s32(v[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(v[2]), vmovn_s32(v[3]));
  return vcombine_s8(vmovn_s16(low), vmovn_s16(high));
}

// Stores sixteen quants as the bytes of each plane, a group apart; returns the sum of what the bytes mean.
template <int kPlanes>
inline std::int32_t StoreBytes(const int32x4_t (&quants)[4], std::int8_t* out) {
  int32x4_t low[4], high[4];
  int32x4_t sum = vdupq_n_s32(0);
  for (int i = 0; i < 4; ++i) {
    low[i] = quants[i];
    int32x4_t counted = vdupq_n_s32(0);
    if constexpr (kPlanes == 2) {
      high[i] = vrshrq_n_s32(quants[i], kHighShift);
      counted = vshlq_n_s32(high[i], kHighShift);
      low[i] = vmaxq_s32(vsubq_s32(quants[i], counted), vdupq_n_s32(-127));
    }
    sum = vaddq_s32(sum, vaddq_s32(counted, low[i]));
  }
  if constexpr (kPlanes == 2) {
    vst1q_s8(out, NarrowToBytes(high));
    out += kGroup;
  }
  vst1q_s8(out, NarrowToBytes(low));
  return vaddvq_s32(sum);
}

}  // namespace

template <int kPlanes>
void PrepareInt8NeonDot(const PrepareArgs& args) {
  constexpr float kTiny = 1e-30f;  // below it kMax / max may overflow; such a group is zero
  constexpr auto kMax = static_cast<float>(kMaxQuant[kPlanes]);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* group = args.out + r * Int8RowBytes(kPlanes, args.k);
    const float factor = args.norm_weight != nullptr ? RmsFactor(in, args.k, args.norm_eps) : 1.0f;
    for (std::int64_t k = 0; k < args.k; k += kGroup, group += Int8GroupBytes(kPlanes)) {
      float32x4_t values[8];
      float32x4_t max = vdupq_n_f32(0);
      for (int i = 0; i < 8; ++i) {
        values[i] = vld1q_f32(in + k + 4 * i);
        if (args.norm_weight != nullptr) {
          values[i] = vmulq_f32(vmulq_n_f32(values[i], factor), vld1q_f32(args.norm_weight + k + 4 * i));
        }
        max = vmaxq_f32(max, vabsq_f32(values[i]));
      }
      const float greatest = vmaxvq_f32(max);
      const float inverse = greatest > kTiny ? kMax / greatest : 0.0f;
      std::int32_t sums[2];
      for (int half = 0; half < 2; ++half) {
        int32x4_t quants[4];
        for (int i = 0; i < 4; ++i) quants[i] = vcvtnq_s32_f32(vmulq_n_f32(values[4 * half + i], inverse));
        sums[half] = StoreBytes<kPlanes>(quants, reinterpret_cast<std::int8_t*>(group) + 16 * half);
      }
      const float scale = greatest / kMax;
      const std::int32_t total = sums[0] + sums[1];
      const Int8GroupTail tail{scale, scale * static_cast<float>(total), -total, -sums[0]};
      std::memcpy(group + kPlanes * kGroup, &tail, sizeof(tail));
    }
  }
}

template <Int8Format kFormat, int kPlanes>
void RunInt8NeonDot(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunByPanels(args, PanelLayout(kFormat, args.k).bytes, panel_begin, panel_end,
              [&](std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc, std::int64_t stride) {
                Rows<kFormat, kPlanes>(args, row0, rows, panel, acc, stride);
              });
}

template void PrepareInt8NeonDot<1>(const PrepareArgs&);
template void PrepareInt8NeonDot<2>(const PrepareArgs&);
#define STRATA_INSTANTIATE(format)                                                                 \
  template void RunInt8NeonDot<kFormat##format, 1>(const LinearArgs&, std::int64_t, std::int64_t); \
  template void RunInt8NeonDot<kFormat##format, 2>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_INT8_FORMATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
