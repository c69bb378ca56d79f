#include "quantize/rounded_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/convert.h"

namespace strata::quantize {
namespace {

/// Scales are stored in the type of the model's other weights, f16 or bf16; eight bits of mantissa are in both.
float RoundScale(float scale) { return BF16ToF32(F32ToBF16(scale)); }

struct Range {
  float scale = 1;
  float zero_point = 0;
};

Range RangeOf(float least, float greatest, const GroupFormat& format) {
  Range range;
  const float lowest = format.lowest(), steps = format.highest() - lowest;
  if (format.symmetric) {
    // Both ends are reached: by -2^(b-1) where the greatest value is negative, else short of it by half a step.
    range.scale = RoundScale(std::max(-least, greatest) / (steps / 2));
  } else {
    range.scale = RoundScale((greatest - least) / steps);
  }
  if (!(range.scale > 0) || !std::isfinite(range.scale)) range.scale = 1;
  if (!format.symmetric)
    range.zero_point = std::clamp(lowest - std::rint(least / range.scale), lowest, format.highest());
  return range;
}

/// The sum of the squares of what rounding leaves of the values, weighted.
float ErrorOf(const float* values, const float* weights, std::int64_t count, const Range& range, const Levels& levels) {
  const float inverse = 1 / range.scale;
  constexpr std::int64_t kLanes = 8;  // sums that do not wait for each other
  float sums[kLanes] = {};
  const auto add = [&](std::int64_t c, std::int64_t lane) {
    const float level = levels.Nearest(values[c], inverse, range.zero_point);
    const float off = values[c] - (level - range.zero_point) * range.scale;
    sums[lane] += off * off * weights[c];
  };
  std::int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) add(c + lane, lane);
  }
  for (; c < count; ++c) add(c, 0);
  return std::accumulate(sums, sums + kLanes, 0.0F);
}

/// The range whose rounding errors, weighted, are least, among the group's own and narrower ones.
Range BestRange(const float* values, const float* weights, std::int64_t count, const GroupFormat& format) {
  const auto [min, max] = std::minmax_element(values, values + count);
  const float least = std::min(*min, 0.0F), greatest = std::max(*max, 0.0F);  // 0 is always one of the values
  // From the whole range down to 0.56 of it; the steps of floats do not become smaller in a smaller one.
  const int candidates = format.type == LevelType::kFloat8 ? 1 : 12;
  const Levels levels(format);
  Range best;
  float best_error = std::numeric_limits<float>::infinity();
  for (int i = 0; i < candidates; ++i) {
    const float shrink = 1 - 0.04F * static_cast<float>(i);
    const Range range = RangeOf(least * shrink, greatest * shrink, format);
    const float error = ErrorOf(values, weights, count, range, levels);
    if (error < best_error) {
      best_error = error;
      best = range;
    }
  }
  return best;
}

/// What an error in each column costs: the diagonal of the Gram matrix, none quite nothing.
std::vector<float> ColumnWeights(std::int64_t columns, const InputStatistics* inputs) {
  std::vector<float> weights(static_cast<std::size_t>(columns), 1.0F);
  if (inputs == nullptr) return weights;
  double sum = 0;
  for (std::int64_t c = 0; c < columns; ++c) sum += static_cast<double>(inputs->gram(c, c));
  const auto floor = static_cast<float>(1e-4 * sum / static_cast<double>(columns));
  for (std::int64_t c = 0; c < columns; ++c) weights[static_cast<std::size_t>(c)] = std::max(inputs->gram(c, c), floor);
  if (sum == 0) std::ranges::fill(weights, 1.0F);
  return weights;
}

}  // namespace

Matrix RoundedGroups::Dequantize() const {
  Matrix out{rows, columns, std::vector<float>(values.size())};
  const auto group = static_cast<std::size_t>(format.group_of(columns));
  for (std::size_t at = 0; at < scales.size(); ++at) {
    const float zero_point = zero_points.empty() ? 0 : zero_points[at];
    for (std::size_t i = at * group; i < (at + 1) * group; ++i) {
      const float level = format.type == LevelType::kFloat8 ? F8ToF32(static_cast<std::uint8_t>(values[i]))
                                                            : static_cast<float>(values[i]);
      out.values[i] = (level - zero_point) * scales[at];
    }
  }
  return out;
}

RoundedGroups RoundToNearest(Workers& workers, const Matrix& weight, const GroupFormat& format,
                             const InputStatistics* inputs) {
  RoundedGroups out;
  out.format = format;
  out.rows = weight.rows;
  out.columns = weight.columns;
  const std::int64_t group = format.group_of(weight.columns), groups = out.groups();
  const std::vector<float> weights = ColumnWeights(weight.columns, inputs);
  const Levels levels(format);
  out.values.resize(weight.values.size());
  out.scales.resize(static_cast<std::size_t>(weight.rows * groups));
  if (!format.symmetric) out.zero_points.resize(out.scales.size());
  constexpr std::int64_t kChunk = 256;
  workers.For(weight.rows * groups, kChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; ++at) {
      const float* const values = weight.values.data() + at * group;
      const Range range = BestRange(values, weights.data() + at % groups * group, group, format);
      out.scales[static_cast<std::size_t>(at)] = range.scale;
      if (!format.symmetric) {
        out.zero_points[static_cast<std::size_t>(at)] = static_cast<std::int8_t>(range.zero_point);
      }
      std::transform(values, values + group, out.values.begin() + at * group, [&](float value) {
        return levels.Bits(levels.Nearest(value, 1 / range.scale, range.zero_point));
      });
    }
  });
  return out;
}

}  // namespace strata::quantize
