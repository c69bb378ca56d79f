// Inside the kernels only: rotary positions: cos and sin of one position's angles, and heads turned by them; the same
// bits on every instruction set.
//
// The angle is position * inv_freq rounded to f32, as the models were trained. Its cosine and sine are taken in double:
// reduced by pi/2 in two parts (exact enough up to 2^20 turns), then the Taylor polynomials of degree 15 and 14, whose
// error on [-pi/4, pi/4] is under 1e-13. Each file that includes this gets its own copy, vectorised for
// its instruction set; without contraction to FMA the copies agree bit for bit.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

[[maybe_unused]] void RopeAngles(const float* inv_freq, std::int64_t pairs, std::int64_t position, float scale,
                                 float* cos_out, float* sin_out) {
  constexpr double kTwoOverPi = 0.63661977236758134308;
  constexpr double kHalfPiHigh = 1.57079632673412561417e+00;  // fdlibm's pio2_1: 33 bits, so n * high is exact
  constexpr double kHalfPiLow = 6.07710050650619224932e-11;   // pio2_1t: the rest
  constexpr double kRound = 6755399441055744.0;               // 1.5 * 2^52: adding it rounds to an integer
  const auto position_f = static_cast<float>(position);
  for (std::int64_t i = 0; i < pairs; ++i) {
    const auto angle = static_cast<double>(inv_freq[i] * position_f);
    const double shifted = angle * kTwoOverPi + kRound;
    const double turns = shifted - kRound;
    const auto quadrant = __builtin_bit_cast(std::uint64_t, shifted);
    const double r = angle - turns * kHalfPiHigh - turns * kHalfPiLow;
    const double z = r * r;
    double s = -1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    const double sine = r + r * z * s;
    double c = -1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    c = c * z - 0.5;
    const double cosine = 1.0 + z * c;
    const bool odd = (quadrant & 1) != 0;
    const double cos_sign = ((quadrant + 1) & 2) != 0 ? -1.0 : 1.0;
    const double sin_sign = (quadrant & 2) != 0 ? -1.0 : 1.0;
    cos_out[i] = static_cast<float>((odd ? sine : cosine) * cos_sign) * scale;
    sin_out[i] = static_cast<float>((odd ? cosine : sine) * sin_sign) * scale;
  }
}

/// Turns pairs [first, first + count) of a head by their angles. in may be out.
[[maybe_unused]] void Rotate(const RopeArgs& rope, std::int64_t first, std::int64_t count,
                             const float* __restrict cosine, const float* __restrict sine, const float* in,
                             float* out) {
  constexpr std::int64_t kAtOnce = 16;
  const bool halves = rope.style == RopeStyle::kHalves;
  const std::int64_t step = halves ? 1 : 2;
  const std::int64_t apart = halves ? rope.rotary_dim / 2 : 1;
  in += step * first;
  out += step * first;
  std::int64_t i = 0;
  if (halves) {
    for (; i + kAtOnce <= count; i += kAtOnce) {
      float x[kAtOnce];  // copies, so that the compiler need not fear that in is out
      float y[kAtOnce];
      for (std::int64_t j = 0; j < kAtOnce; ++j) x[j] = in[i + j];
      for (std::int64_t j = 0; j < kAtOnce; ++j) y[j] = in[apart + i + j];
      for (std::int64_t j = 0; j < kAtOnce; ++j) out[i + j] = x[j] * cosine[i + j] - y[j] * sine[i + j];
      for (std::int64_t j = 0; j < kAtOnce; ++j) out[apart + i + j] = y[j] * cosine[i + j] + x[j] * sine[i + j];
    }
  }
  for (; i < count; ++i) {
    const float x = in[step * i];
    const float y = in[step * i + apart];
    out[step * i] = x * cosine[i] - y * sine[i];
    out[step * i + apart] = y * cosine[i] + x * sine[i];
  }
}

/// RowKernels::rope.
[[maybe_unused]] void RotateRow(const RopeArgs& rope, std::int64_t position, std::int64_t heads, std::int64_t head_dim,
                                const float* x, float* out) {
  constexpr std::int64_t kPairsAtOnce = 256;
  alignas(64) float cosine[kPairsAtOnce];
  alignas(64) float sine[kPairsAtOnce];
  for (std::int64_t first = 0; first < rope.rotary_dim / 2; first += kPairsAtOnce) {
    const std::int64_t left = rope.rotary_dim / 2 - first;
    const std::int64_t count = left < kPairsAtOnce ? left : kPairsAtOnce;
    RopeAngles(rope.inv_freq + first, count, position, rope.scale, cosine, sine);
    for (std::int64_t head = 0; head < heads; ++head) {
      Rotate(rope, first, count, cosine, sine, x + head * head_dim, out + head * head_dim);
    }
  }
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t d = rope.rotary_dim; d < head_dim; ++d) out[head * head_dim + d] = x[head * head_dim + d];
  }
}

}  // namespace
}  // namespace strata::kernels
