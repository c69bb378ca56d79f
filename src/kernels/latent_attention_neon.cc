// Latent attention on q registers: up to 8 lanes, sixteen vectors of sums in registers.
#include <arm_neon.h>

#include "kernels/latent_attention_tile.h"
#include "kernels/neon.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

struct LatentNeon {
  using Vector = float32x4_t;
  static constexpr int kWidth = 4;
  static constexpr int kTile = 4;

  static Vector Load(const float* values) { return vld1q_f32(values); }
  static void Store(float* to, Vector v) { vst1q_f32(to, v); }
  static Vector LoadFirst(const float* values, std::int64_t count) { return kernels::LoadFirst(values, count); }
  static void StoreFirst(float* to, Vector v, std::int64_t count) {
    float first[kWidth];
    vst1q_f32(first, v);
    for (std::int64_t i = 0; i < count; ++i) to[i] = first[i];
  }
  static Vector Set1(float value) { return vdupq_n_f32(value); }
  static Vector Fma(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
  static Vector Add(Vector a, Vector b) { return vaddq_f32(a, b); }
  static Vector Sub(Vector a, Vector b) { return vsubq_f32(a, b); }
  static Vector Mul(Vector a, Vector b) { return vmulq_f32(a, b); }
  static Vector Max(Vector a, Vector b) { return vmaxq_f32(a, b); }
  template <int kRows>
  static void SumEach(const Vector (&vectors)[kRows][kQueries], float (&sums)[kRows][kQueries]) {
    for (int r = 0; r < kRows; ++r) {
      const auto& row = vectors[r];
      vst1q_f32(sums[r], vpaddq_f32(vpaddq_f32(row[0], row[1]), vpaddq_f32(row[2], row[3])));
    }
  }
  static Vector Exp2(Vector x) { return kernels::Exp2(x); }
  static Vector Where(Vector a, Vector limit, Vector yes, Vector no) { return vbslq_f32(vcleq_f32(a, limit), yes, no); }
  static void Widen(const std::uint16_t* f16, std::int64_t count, float* out) {
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4) vst1q_f32(out + i, WidenF16(f16 + i));
    for (; i < count; ++i) out[i] = F16ToF32(f16[i]);
  }
  static float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
    return kernels::RoundRow(x, count, most, longest, out);
  }
  static void Narrow(const float* in, std::int64_t count, std::uint16_t* f16) { NarrowClamped(in, count, f16); }
};

}  // namespace

constinit const LatentKernel kLatentNeon = MakeLatentKernel<LatentNeon>("latent_attention_neon", RefusesLatentNeon);

}  // namespace strata::kernels
