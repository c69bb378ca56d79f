// Inside the kernels only: cos and sin of one position's rotary angles, the same bits on every instruction set.
//
// The angle is position * inv_freq rounded to f32, as the models were trained. Its cosine and sine are taken in double:
// reduced by pi/2 in two parts (exact enough up to 2^20 turns), then the Taylor polynomials of degree 15 and 14, whose
// error on [-pi/4, pi/4] is under 1e-13. Each file that includes this gets its own copy, vectorised for
// its instruction set; without contraction to FMA the copies agree bit for bit.
#pragma once

#include <cstdint>

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

}  // namespace
}  // namespace strata::kernels
