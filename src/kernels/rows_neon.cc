#include <arm_neon.h>

#include "kernels/kernel_list.h"
#include "kernels/neon.h"
#include "kernels/rope_angles.h"
#include "kernels/rows_unmasked.h"

namespace strata::kernels {
namespace {

void RmsNorm(const float* x, const float* weight, float eps, std::int64_t n, float* out) {
  ScaleBy(x, RmsFactor(x, n, eps), weight, n, out);
}

// Sum of f(x) over the row, in an order that depends on n alone; f of a vector and of a number.
template <class OfFour, class OfOne>
float SumOver(const float* x, std::int64_t n, const OfFour& of_four, const OfOne& of_one) {
  float32x4_t sums[4];
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0);
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int j = 0; j < 4; ++j) sums[j] = vaddq_f32(sums[j], of_four(vld1q_f32(x + i + 4 * j)));
  }
  float sum = vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[2]), vaddq_f32(sums[1], sums[3])));
  for (; i < n; ++i) sum += of_one(x[i]);
  return sum;
}

void LayerNorm(const float* x, const float* weight, const float* bias, float eps, std::int64_t n, float* out) {
  const auto count = static_cast<float>(n);
  const float mean = SumOver(x, n, [](float32x4_t v) { return v; }, [](float v) { return v; }) / count;
  const float squares = SumOver(
      x, n,
      [&](float32x4_t v) {
        const float32x4_t apart = vsubq_f32(v, vdupq_n_f32(mean));
        return vmulq_f32(apart, apart);
      },
      [&](float v) { return (v - mean) * (v - mean); });
  const float factor = 1.0f / __builtin_sqrtf(squares / count + eps);
  Standardise(x, mean, factor, weight, bias, n, out);
}

// fmax would give NaN where there is one, and fmaxnm where it is a signalling one: they are compared.
float Greatest(const float* x, std::int64_t n) {
  float32x4_t max = vdupq_n_f32(-__builtin_inff());
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const float32x4_t four = vld1q_f32(x + i);
    max = vbslq_f32(vcgtq_f32(four, max), four, max);
  }
  float greatest = vmaxvq_f32(max);
  for (; i < n; ++i) greatest = x[i] > greatest ? x[i] : greatest;
  return greatest;
}

double Softmax(const float* x, const std::uint32_t* allowed, float scale, std::int64_t n, float* out) {
  if (allowed != nullptr) {
    Restrict(x, allowed, n, out);
    x = out;
  }
  const float greatest = Greatest(x, n);
  const float factor = scale * kLog2E;
  float64x2_t low = vdupq_n_f64(0);
  float64x2_t high = vdupq_n_f64(0);
  const auto weights = [&](float32x4_t values) {
    const float32x4_t power = vmulq_n_f32(vsubq_f32(values, vdupq_n_f32(greatest)), factor);
    // Also where both are -infinity, whose difference is NaN.
    const uint32x4_t counts = vcgeq_f32(power, vdupq_n_f32(kLeastPower));
    const float32x4_t weight = vreinterpretq_f32_u32(vandq_u32(counts, vreinterpretq_u32_f32(Exp2(power))));
    low = vaddq_f64(low, vcvt_f64_f32(vget_low_f32(weight)));
    high = vaddq_f64(high, vcvt_high_f64_f32(weight));
    return weight;
  };
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, weights(vld1q_f32(x + i)));
  if (i < n) {
    float rest[4];
    for (std::int64_t k = 0; k < 4; ++k) rest[k] = i + k < n ? x[i + k] : -__builtin_inff();
    vst1q_f32(rest, weights(vld1q_f32(rest)));
    for (std::int64_t k = 0; i + k < n; ++k) out[i + k] = rest[k];
  }
  return vaddvq_f64(vaddq_f64(low, high));
}

void AddScaled(const float* x, float scale, std::int64_t n, float* out) {
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, vfmaq_n_f32(vld1q_f32(out + i), vld1q_f32(x + i), scale));
  for (; i < n; ++i) out[i] = __builtin_fmaf(scale, x[i], out[i]);
}

}  // namespace

constinit const RowKernels kRowsNeon = {"rows_neon", EmbedRow,         RmsNorm, LayerNorm,
                                        RotateRow,   ArgMax<Greatest>, Softmax, AddScaled};

}  // namespace strata::kernels
