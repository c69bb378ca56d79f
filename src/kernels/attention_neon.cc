// Flash attention over the paged cache on q registers. A tile is up to four (row, query head) pairs: sixteen registers
// of scores share each row of a block's K^T, then sixteen of outputs share sixteen dimensions of each row of V.
#include <arm_neon.h>

#include "kernels/attention_tile.h"
#include "kernels/kernel_list.h"
#include "kernels/neon.h"

namespace strata::kernels {
namespace {

inline SixteenFloats LoadSixteen(const float* values) {
  SixteenFloats out;
  for (int q = 0; q < 4; ++q) out.v[q] = vld1q_f32(values + 4 * q);
  return out;
}

inline void StoreSixteen(float* to, const SixteenFloats& values) {
  for (int q = 0; q < 4; ++q) vst1q_f32(to + 4 * q, values.v[q]);
}

inline void AddScaledSixteen(SixteenFloats& sums, const SixteenFloats& values, float factor) {
  for (int q = 0; q < 4; ++q) sums.v[q] = vfmaq_n_f32(sums.v[q], values.v[q], factor);
}

class Neon {
 public:
  static constexpr int kTilePairs = 4;
  static constexpr bool kOnlyBF16 = false;
  static constexpr bool kBF16Dots = false;
  static constexpr bool kIntegerDots = false;
  using Tile = AttentionTile;

  static void Widen(const std::uint16_t* f16, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; i += 4) vst1q_f32(out + i, WidenF16(f16 + i));
  }
  static void Narrow(const float* in, std::int64_t count, std::uint16_t* f16) { NarrowClamped(in, count, f16); }
  static void StoreAlternate(const std::uint16_t* in, std::int64_t count, std::uint16_t* out) {
    for (std::int64_t i = 0; i < count; ++i) out[2 * i] = in[i];
  }
  static float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
    return kernels::RoundRow(x, count, most, longest, out);
  }
  static float Exp2(float x) { return vgetq_lane_f32(kernels::Exp2(vdupq_n_f32(x)), 0); }
  static void Exp2Lanes(float* x) {
    for (int i = 0; i < Tile::kLanes; i += 4) vst1q_f32(x + i, kernels::Exp2(vld1q_f32(x + i)));
  }
  static void Norm(const float* x, const float* weight, float eps, std::int64_t count, float* out) {
    ScaleBy(x, RmsFactor(x, count, eps), weight, count, out);
  }
  static void Cap(float inner, float outer, float* scores) {
    for (std::int64_t t = 0; t < kSpan; t += 4) {
      vst1q_f32(scores + t, vmulq_n_f32(Tanh(vmulq_n_f32(vld1q_f32(scores + t), inner)), outer));
    }
  }

  template <int kPairs>
  static void Scores(const Span<FloatKind>& span, std::int64_t head_dim, Tile& tile) {
    for (std::int64_t b = 0; b < span.blocks; ++b) {
      SixteenFloats scores[kPairs];
      for (auto& pair : scores) pair = Zero();
      for (std::int64_t d = 0; d < head_dim; ++d) {
        const SixteenFloats keys = LoadSixteen(span.k[b] + d * kKvBlock);
        for (int i = 0; i < kPairs; ++i) AddScaledSixteen(scores[i], keys, tile.q[i][d]);
      }
      for (int i = 0; i < kPairs; ++i) StoreSixteen(tile.weights[i] + b * kKvBlock, scores[i]);
    }
  }

  template <int kPairs, bool kHides>
  static void Maxima(std::int64_t begin, float scale_log2, Tile& tile) {
    for (int i = 0; i < kPairs; ++i) {
      float32x4_t max = vdupq_n_f32(kNever);
      for (std::int64_t t = 0; t < kSpan; t += 4) {
        float32x4_t score = vmulq_n_f32(vld1q_f32(tile.weights[i] + t), scale_log2);
        // A block that is not there holds what the last tile left: it is masked like a position to come.
        if constexpr (kHides) score = vbslq_f32(Seen(begin + t, tile, i), score, vdupq_n_f32(kNever));
        vst1q_f32(tile.weights[i] + t, score);
        max = vmaxq_f32(max, score);
      }
      const float span_max = vmaxvq_f32(max);
      const float old_max = tile.max[i];
      tile.max[i] = old_max > span_max ? old_max : span_max;
      tile.correction[i] = Exp2(old_max - tile.max[i]);
    }
  }

  template <int kPairs, bool kHides>
  static void Weigh(const Span<FloatKind>& span, float, Tile& tile) {
    for (int i = 0; i < kPairs; ++i) {
      float32x4_t sum = vdupq_n_f32(0);
      for (std::int64_t t = 0; t < kSpan; t += 4) {
        float32x4_t weight = kernels::Exp2(vsubq_f32(vld1q_f32(tile.weights[i] + t), vdupq_n_f32(tile.max[i])));
        if constexpr (kHides) {
          const uint32x4_t seen = Seen(span.begin + t, tile, i);
          weight = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(weight), seen));
        }
        vst1q_f32(tile.weights[i] + t, weight);
        sum = vaddq_f32(sum, weight);
      }
      tile.sum[i] = tile.sum[i] * tile.correction[i] + vaddvq_f32(sum);
    }
  }

  template <int kPairs>
  static void Values(const Span<FloatKind>& span, std::int64_t head_dim, Tile& tile) {
    for (std::int64_t d0 = 0; d0 < head_dim; d0 += 16) {
      SixteenFloats out[kPairs];
      for (int i = 0; i < kPairs; ++i) {
        out[i] = tile.fresh ? Zero() : LoadSixteen(tile.out[i] + d0);
        for (float32x4_t& four : out[i].v) four = vmulq_n_f32(four, tile.correction[i]);
      }
      for (std::int64_t t = 0; t < span.tokens; ++t) {
        const SixteenFloats values = LoadSixteen(span.v[t / kKvBlock] + t % kKvBlock * head_dim + d0);
        for (int i = 0; i < kPairs; ++i) AddScaledSixteen(out[i], values, tile.weights[i][t]);
      }
      for (int i = 0; i < kPairs; ++i) StoreSixteen(tile.out[i] + d0, out[i]);
    }
  }

 private:
  /// Of the four positions from `begin` on, by pair i.
  static uint32x4_t Seen(std::int64_t begin, const Tile& tile, int i) {
    return vbicq_u32(FirstLanes(tile.position[i] + 1 - begin), FirstLanes(tile.first[i] - begin));
  }
  static SixteenFloats Zero() {
    const float32x4_t zero = vdupq_n_f32(0);
    return {{zero, zero, zero, zero}};
  }
};

}  // namespace

constinit const AttentionKernel kAttentionNeon = MakeAttentionKernel<Neon>("attention_neon", RefusesAttentionNeon);

}  // namespace strata::kernels
