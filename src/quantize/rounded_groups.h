// Weights as numbers of few bits with a scale, and perhaps a zero point, for each group of inputs: what
// compressed-tensors files hold.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "quantize/input_statistics.h"
#include "quantize/matrix.h"
#include "quantize/workers.h"

namespace strata::quantize {

/// What the numbers are: all integers of so many bits, or the values of float8 e4m3fn.
enum class LevelType : std::uint8_t { kInteger, kFloat8 };

struct GroupFormat {
  LevelType type = LevelType::kInteger;
  int bits = 8;            ///< 2 to 8; of float8 8
  std::int64_t group = 0;  ///< inputs that share a scale; divides the columns; 0 = all of a row
  bool symmetric = true;   ///< no zero points: the level 0 is 0

  float lowest() const { return type == LevelType::kFloat8 ? -448 : static_cast<float>(-(1 << (bits - 1))); }
  float highest() const { return type == LevelType::kFloat8 ? 448 : static_cast<float>((1 << (bits - 1)) - 1); }
  std::int64_t group_of(std::int64_t columns) const { return group == 0 ? columns : group; }
  bool operator==(const GroupFormat&) const = default;
};

struct RoundedGroups {
  GroupFormat format;
  std::int64_t rows = 0, columns = 0;
  std::vector<std::int8_t> values;       ///< [rows, columns]: integers in [lowest, highest], or the bits of float8
  std::vector<float> scales;             ///< [rows, groups], of values that f16 and bf16 have
  std::vector<std::int8_t> zero_points;  ///< [rows, groups]; empty where symmetric

  std::int64_t groups() const { return columns / format.group_of(columns); }
  /// (value - zero point) * scale.
  Matrix Dequantize() const;
};

/// Each group by itself to the nearest integers. Its range is shrunk where that makes the error smaller, an error in a
/// column counting as `inputs` say (nullptr: all columns alike).
RoundedGroups RoundToNearest(Workers& workers, const Matrix& weight, const GroupFormat& format,
                             const InputStatistics* inputs);

/// Nearest levels, in floats and without branches, so that several go at once on any processor.
class Levels {
 public:
  explicit Levels(const GroupFormat& format)
      : float8_(format.type == LevelType::kFloat8), lowest_(format.lowest()), highest_(format.highest()) {}

  /// Of value / scale + zero point; `inverse` is 1 / scale. To even where two are as near.
  float Nearest(float value, float inverse, float zero_point) const {
    const float level = std::clamp(value * inverse + zero_point, lowest_, highest_);
    return float8_ ? NearestFloat8(level) : NearestInteger(level);
  }
  /// What stands for a level in RoundedGroups::values.
  std::int8_t Bits(float level) const {
    return float8_ ? static_cast<std::int8_t>(Float8Bits(level)) : static_cast<std::int8_t>(level);
  }

 private:
  static float NearestInteger(float value) {
    constexpr float kNoFraction = 12582912;  // 1.5 * 2^23: a sum with it has no fraction
    return (value + kNoFraction) - kNoFraction;
  }
  static float NearestFloat8(float value) {
    constexpr float kSmallest = 0x1p-6F;  // of the normal ones; below it all are multiples of 2^-9
    constexpr float kNoFraction = 0x1.8p14F;
    const float fixed = (value + kNoFraction) - kNoFraction;
    const auto bits = std::bit_cast<std::uint32_t>(value);  // three bits of its mantissa stay
    const float normal = std::bit_cast<float>((bits + 0x7ffff + ((bits >> 20) & 1)) & 0xfff00000);
    return value < kSmallest && value > -kSmallest ? fixed : normal;
  }
  static std::uint8_t Float8Bits(float level) {
    const auto bits = std::bit_cast<std::uint32_t>(level);
    const auto sign = static_cast<std::uint8_t>(bits >> 31 << 7);
    const float magnitude = level < 0 ? -level : level;
    if (magnitude < 0x1p-6F) return static_cast<std::uint8_t>(sign | static_cast<std::uint8_t>(magnitude * 512));
    return static_cast<std::uint8_t>(sign | (((bits >> 20) & 0x7ff) - ((127 - 7) << 3)));
  }

  bool float8_;
  float lowest_, highest_;
};

}  // namespace strata::quantize
