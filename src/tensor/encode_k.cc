#include "tensor/encode_k.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "tensor/blocks.h"
#include "tensor/convert.h"

namespace strata::blocks {
namespace {

constexpr int kSuper = 256;

std::uint16_t StoreHalf(std::uint8_t* at, float value) {
  const std::uint16_t bits = F32ToF16(value);
  std::memcpy(at, &bits, sizeof bits);
  return bits;
}

int Code(float value, int lowest, int highest) {
  return std::clamp(static_cast<int>(std::lrint(value)), lowest, highest);
}

/// x is about scale * code - min.
struct Line {
  float scale = 0;
  float min = 0;
};

double ErrorOf(const float* x, const float* weights, int count, const Line& line, int highest) {
  const float inverse = line.scale > 0 ? 1 / line.scale : 0;
  double error = 0;
  for (int i = 0; i < count; ++i) {
    const auto code = static_cast<float>(Code((x[i] + line.min) * inverse, 0, highest));
    const float off = line.scale * code - line.min - x[i];
    error += static_cast<double>(weights[i] * off * off);
  }
  return error;
}

/// The weighted least squares of x over the codes that `guess` gives; min stays at 0 or above.
Line Refit(const float* x, const float* weights, int count, const Line& guess, int highest) {
  const float inverse = guess.scale > 0 ? 1 / guess.scale : 0;
  double w = 0, wc = 0, wcc = 0, wx = 0, wcx = 0;
  for (int i = 0; i < count; ++i) {
    const double weight = static_cast<double>(weights[i]), value = static_cast<double>(x[i]);
    const double code = Code((x[i] + guess.min) * inverse, 0, highest);
    w += weight;
    wc += weight * code;
    wcc += weight * code * code;
    wx += weight * value;
    wcx += weight * code * value;
  }
  const double determinant = w * wcc - wc * wc;
  if (!(determinant > 0)) return guess;
  const double scale = (w * wcx - wc * wx) / determinant;
  const double min = (wc * wcx - wcc * wx) / determinant;
  if (min >= 0 && scale > 0) return {static_cast<float>(scale), static_cast<float>(min)};
  return wcc > 0 && wcx > 0 ? Line{static_cast<float>(wcx / wcc), 0} : guess;
}

Line BestLine(const float* x, const float* weights, int count, int highest) {
  const auto [low, high] = std::minmax_element(x, x + count);
  const float min = std::max(-*low, 0.0F);
  const float range = *high + min;
  if (!(range > 0)) return {0, min};
  Line best{range / static_cast<float>(highest), min};
  double best_error = ErrorOf(x, weights, count, best, highest);
  constexpr int kCandidates = 10;
  for (int i = 0; i <= kCandidates; ++i) {
    // A little beside the whole range: the outermost values pay for all others' steps.
    const float steps = static_cast<float>(highest) - 1 + 0.2F * static_cast<float>(i);
    const Line line = Refit(x, weights, count, {range / steps, min}, highest);
    const double error = ErrorOf(x, weights, count, line, highest);
    if (error < best_error) {
      best_error = error;
      best = line;
    }
  }
  return best;
}

/// Scales and mins of the eight sub-blocks, six bits each.
void PackScaleMins(const std::array<int, 8>& scales, const std::array<int, 8>& mins, std::uint8_t* out) {
  const auto at = [](const std::array<int, 8>& of, int j) { return of[static_cast<std::size_t>(j)]; };
  for (int j = 0; j < 4; ++j) {
    out[j] = static_cast<std::uint8_t>(at(scales, j) | at(scales, j + 4) >> 4 << 6);
    out[j + 4] = static_cast<std::uint8_t>(at(mins, j) | at(mins, j + 4) >> 4 << 6);
    out[j + 8] = static_cast<std::uint8_t>((at(scales, j + 4) & 15) | (at(mins, j + 4) & 15) << 4);
  }
}

/// Q4_K and Q5_K but for the codes: what value i's code is, 0 to `highest`.
std::array<std::uint8_t, kSuper> EncodeLines(const float* x, const float* weights, int highest, std::uint8_t* out) {
  constexpr int kSub = 32;
  std::array<Line, 8> lines;
  float greatest_scale = 0, greatest_min = 0;
  for (int j = 0; j < 8; ++j) {
    Line& line = lines[static_cast<std::size_t>(j)];
    line = BestLine(x + j * kSub, weights + j * kSub, kSub, highest);
    greatest_scale = std::max(greatest_scale, line.scale);
    greatest_min = std::max(greatest_min, line.min);
  }
  const float d = F16ToF32(StoreHalf(out, greatest_scale / 63));
  const float dmin = F16ToF32(StoreHalf(out + 2, greatest_min / 63));
  std::array<int, 8> scales{}, mins{};
  std::array<std::uint8_t, kSuper> codes{};
  for (int j = 0; j < 8; ++j) {
    const auto at = static_cast<std::size_t>(j);
    scales[at] = d > 0 ? Code(lines[at].scale / d, 0, 63) : 0;
    mins[at] = dmin > 0 ? Code(lines[at].min / dmin, 0, 63) : 0;
    const float scale = d * static_cast<float>(scales[at]), min = dmin * static_cast<float>(mins[at]);
    for (int i = j * kSub; i < (j + 1) * kSub; ++i) {
      codes[static_cast<std::size_t>(i)] =
          static_cast<std::uint8_t>(scale > 0 ? Code((x[i] + min) / scale, 0, highest) : 0);
    }
  }
  PackScaleMins(scales, mins, out + 4);
  return codes;
}

/// 64 values to 32 bytes: the first half are the low nibbles.
void PackNibbles(const std::array<std::uint8_t, kSuper>& codes, std::uint8_t* out) {
  for (std::size_t i = 0; i < kSuper / 2; ++i) {
    const std::size_t first = i / 32 * 64 + i % 32;
    out[i] = static_cast<std::uint8_t>((codes[first] & 15) | (codes[first + 32] & 15) << 4);
  }
}

/// The scale of either sign whose codes in [-32, 31] are nearest.
float BestScale(const float* x, const float* weights, int count) {
  const float extreme = blocks::Extreme(x, count);
  if (extreme == 0) return 0;
  float best = 0;
  double best_gain = -1;
  for (int i = -9; i <= 9; ++i) {
    const float inverse = -(32 + 0.1F * static_cast<float>(i)) / extreme;
    double wcx = 0, wcc = 0;
    for (int k = 0; k < count; ++k) {
      const double code = Code(x[k] * inverse, -32, 31), weight = static_cast<double>(weights[k]);
      wcx += weight * code * static_cast<double>(x[k]);
      wcc += weight * code * code;
    }
    // With the scale wcx / wcc the squared error is less by wcx^2 / wcc.
    if (wcc > 0 && wcx * wcx / wcc > best_gain) {
      best_gain = wcx * wcx / wcc;
      best = static_cast<float>(wcx / wcc);
    }
  }
  return best;
}

}  // namespace

void EncodeQ4_K(const float* x, const float* weights, std::uint8_t* out) {
  PackNibbles(EncodeLines(x, weights, 15, out), out + 16);
}

void EncodeQ5_K(const float* x, const float* weights, std::uint8_t* out) {
  const auto codes = EncodeLines(x, weights, 31, out);
  std::uint8_t* fifth = out + 16;
  std::fill_n(fifth, 32, std::uint8_t{0});
  for (int i = 0; i < kSuper; ++i) {
    fifth[i % 32] |= static_cast<std::uint8_t>((codes[static_cast<std::size_t>(i)] >> 4) << (i / 32));
  }
  PackNibbles(codes, out + 48);
}

void EncodeQ6_K(const float* x, const float* weights, std::uint8_t* out) {
  constexpr int kSub = 16;
  std::array<float, kSuper / kSub> scales{};
  for (int j = 0; j < kSuper / kSub; ++j) {
    scales[static_cast<std::size_t>(j)] = BestScale(x + j * kSub, weights + j * kSub, kSub);
  }
  const float extreme = blocks::Extreme(scales.data(), kSuper / kSub);
  std::fill_n(out, 210, std::uint8_t{0});
  const float d = F16ToF32(StoreHalf(out + 208, extreme / -128));
  for (int i = 0; i < kSuper; ++i) {
    const int steps = d != 0 ? Code(scales[static_cast<std::size_t>(i / kSub)] / d, -128, 127) : 0;
    out[192 + i / kSub] = static_cast<std::uint8_t>(static_cast<std::int8_t>(steps));
    const float scale = d * static_cast<float>(steps);
    const int code = (scale != 0 ? Code(x[i] / scale, -32, 31) : 0) + 32;
    const int half = i / 128, quarter = i % 128 / 32, column = i % 32;
    out[half * 64 + quarter % 2 * 32 + column] |= static_cast<std::uint8_t>((code & 15) << (quarter < 2 ? 0 : 4));
    out[128 + half * 32 + column] |= static_cast<std::uint8_t>((code >> 4) << (2 * quarter));
  }
}

}  // namespace strata::blocks
