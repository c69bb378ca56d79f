// W8A8 linears with sdot, whose factors are both signed: the 128 too much of the weights is taken off as they are
// loaded. Four rows by a panel have their sums in registers over a group of inputs.
#include <cstring>

#include <arm_neon.h>

#include "kernels/linear_panels.h"
#include "kernels/linear_w8a8.h"
#include "kernels/neon.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kTileRows = 4;

// Adds quad kQuad of sixteen inputs of each row; weights: of that quad.
template <int kQuad, int kRows>
inline void AddQuad(const std::uint8_t* weights, const int8x16_t (&inputs)[kRows], int32x4_t (&dots)[kRows][4]) {
  for (int q = 0; q < 4; ++q) {
    const int8x16_t columns = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(weights + 16 * q), vdupq_n_u8(0x80)));
    for (int r = 0; r < kRows; ++r) dots[r][q] = vdotq_laneq_s32(dots[r][q], columns, inputs[r], kQuad);
  }
}

template <std::int64_t kGroup, int kRows>
void Tile(const std::byte* rows, const std::byte* panel, std::int64_t k, float* acc, std::int64_t acc_stride) {
  const std::int64_t row_bytes = W8A8RowBytes<kGroup, 1>(k), group = GroupSize<kGroup>(k);
  float32x4_t sums[kRows][4], scaled[kRows][4];  // scaled: of this group of weights, by the scales of inputs
  for (int r = 0; r < kRows; ++r) {
    for (int q = 0; q < 4; ++q) sums[r][q] = scaled[r][q] = vdupq_n_f32(0);
  }
  const auto* weight_scales = reinterpret_cast<const float*>(panel + W8A8PanelLayout<kGroup>(k).scales);
  const auto* weights = reinterpret_cast<const std::uint8_t*>(panel);
  std::int64_t scale_at = k;
  for (std::int64_t begin = 0; begin < k; begin += group, scale_at += sizeof(GroupScale)) {
    int32x4_t dots[kRows][4];
    for (auto& row : dots) {
      for (int32x4_t& dot : row) dot = vdupq_n_s32(0);
    }
    const std::int64_t end = begin + group < k ? begin + group : k;
    for (std::int64_t i = begin; i < end; i += 16, weights += 16 * kPanel) {
      int8x16_t inputs[kRows];
      for (int r = 0; r < kRows; ++r)
        inputs[r] = vld1q_s8(reinterpret_cast<const std::int8_t*>(rows + r * row_bytes) + i);
      AddQuad<0>(weights, inputs, dots);
      AddQuad<1>(weights + 4 * kPanel, inputs, dots);
      AddQuad<2>(weights + 8 * kPanel, inputs, dots);
      AddQuad<3>(weights + 12 * kPanel, inputs, dots);
    }
    for (int r = 0; r < kRows; ++r) {
      float scale;
      std::memcpy(&scale, rows + r * row_bytes + scale_at, sizeof scale);
      for (int q = 0; q < 4; ++q) scaled[r][q] = vfmaq_n_f32(scaled[r][q], vcvtq_f32_s32(dots[r][q]), scale);
    }
    if (!EndsWeightGroup<kGroup>(end, k)) continue;
    for (int r = 0; r < kRows; ++r) {
      for (int q = 0; q < 4; ++q) {
        sums[r][q] = vfmaq_f32(sums[r][q], scaled[r][q], vld1q_f32(weight_scales + 4 * q));
        scaled[r][q] = vdupq_n_f32(0);
      }
    }
    weight_scales += kPanel;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int q = 0; q < 4; ++q) vst1q_f32(acc + r * acc_stride + 4 * q, sums[r][q]);
  }
}

template <std::int64_t kGroup>
constexpr decltype(&Tile<kGroup, 1>) kTiles[kTileRows] = {Tile<kGroup, 1>, Tile<kGroup, 2>, Tile<kGroup, 3>,
                                                          Tile<kGroup, 4>};

}  // namespace

template <std::int64_t kGroup>
void PrepareW8A8NeonDot(const PrepareArgs& args) {
  const std::int64_t group = GroupSize<kGroup>(args.k);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* row = args.out + r * W8A8RowBytes<kGroup, 1>(args.k);
    const bool normed = args.norm_weight != nullptr;
    const float factor = normed ? RmsFactor(in, args.k, args.norm_eps) : 1.0f;
    const auto value = [&](std::int64_t i) {
      const float32x4_t x = vld1q_f32(in + i);
      return normed ? vmulq_f32(vmulq_n_f32(x, factor), vld1q_f32(args.norm_weight + i)) : x;
    };
    std::byte* scale_at = row + args.k;
    for (std::int64_t begin = 0; begin < args.k; begin += group, scale_at += sizeof(GroupScale)) {
      const std::int64_t end = begin + group < args.k ? begin + group : args.k;
      float32x4_t max = vdupq_n_f32(0);
      for (std::int64_t i = begin; i < end; i += 4) max = vmaxq_f32(max, vabsq_f32(value(i)));
      const float scale = vmaxvq_f32(max) / kW8A8Range;
      // The quotient itself, for a product with 1 / scale may be rounded to the other side of a half. Division is slow
      // but once an input: nothing beside the products.
      const float divisor = scale > kTinyW8A8Scale ? scale : __builtin_inff();
      for (std::int64_t i = begin; i < end; i += 8) {
        const int16x4_t low = vqmovn_s32(vcvtnq_s32_f32(vdivq_f32(value(i), vdupq_n_f32(divisor))));
        const int16x4_t high = vqmovn_s32(vcvtnq_s32_f32(vdivq_f32(value(i + 4), vdupq_n_f32(divisor))));
        vst1_s8(reinterpret_cast<std::int8_t*>(row + i), vqmovn_s16(vcombine_s16(low, high)));
      }
      const GroupScale stored{scale, 0};
      std::memcpy(scale_at, &stored, sizeof stored);
    }
  }
}

template <std::int64_t kGroup>
void RunW8A8NeonDot(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  const std::int64_t row_bytes = W8A8RowBytes<kGroup, 1>(args.k);
  RunByPanels(args, W8A8PanelLayout<kGroup>(args.k).bytes, panel_begin, panel_end,
              [&](std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc, std::int64_t stride) {
                for (std::int64_t r = 0; r < rows; r += kTileRows) {
                  const std::int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
                  kTiles<kGroup>[count - 1](args.activations + (row0 + r) * row_bytes, panel, args.k, acc + r * stride,
                                            stride);
                }
              });
}

template void PrepareW8A8NeonDot<0>(const PrepareArgs&);
template void PrepareW8A8NeonDot<kInputGroup>(const PrepareArgs&);
template void RunW8A8NeonDot<0>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunW8A8NeonDot<kInputGroup>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
