#include "quantize/integer_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "tensor/convert.h"

namespace strata::quantize {
namespace {

/// Scales are stored in the type of the model's other weights, f16 or bf16; eight bits of mantissa are in both.
float RoundScale(float scale) { return BF16ToF32(F32ToBF16(scale)); }

struct Range {
  float scale = 1;
  int zero_point = 0;
};

int Rounded(float value, const Range& range, const GroupFormat& format) {
  const int q = static_cast<int>(std::lrint(value / range.scale)) + range.zero_point;
  return std::clamp(q, format.lowest(), format.highest());
}

Range RangeOf(float least, float greatest, const GroupFormat& format) {
  Range range;
  const auto steps = static_cast<float>(format.highest() - format.lowest());
  if (format.symmetric) {
    // Both ends are reached: by -2^(b-1) where the greatest value is negative, else short of it by half a step.
    range.scale = RoundScale(std::max(-least, greatest) / (steps / 2));
  } else {
    range.scale = RoundScale((greatest - least) / steps);
  }
  if (!(range.scale > 0)) range.scale = 1;
  if (!format.symmetric) {
    const int zero = format.lowest() - static_cast<int>(std::lrint(least / range.scale));
    range.zero_point = std::clamp(zero, format.lowest(), format.highest());
  }
  return range;
}

/// The range whose rounding errors, weighted, are least, among the group's own and narrower ones.
Range BestRange(const float* values, const float* weights, std::int64_t count, const GroupFormat& format) {
  const auto [min, max] = std::minmax_element(values, values + count);
  const float least = std::min(*min, 0.0F), greatest = std::max(*max, 0.0F);  // 0 is always one of the values
  constexpr int kCandidates = 12;                                             // from the whole range down to 0.56 of it
  Range best;
  double best_error = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kCandidates; ++i) {
    const float shrink = 1 - 0.04F * static_cast<float>(i);
    const Range range = RangeOf(least * shrink, greatest * shrink, format);
    double error = 0;
    for (std::int64_t c = 0; c < count; ++c) {
      const float back = static_cast<float>(Rounded(values[c], range, format) - range.zero_point) * range.scale;
      const float off = values[c] - back;
      error += static_cast<double>(off * off * weights[c]);
    }
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

Range RangeAt(const IntegerGroups& of, std::int64_t row, std::int64_t column) {
  const auto at = static_cast<std::size_t>(row * of.groups() + column / of.format.group_of(of.columns));
  return {of.scales[at], of.zero_points.empty() ? 0 : of.zero_points[at]};
}

using Square = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

Matrix IntegerGroups::Dequantize() const {
  Matrix out{rows, columns, std::vector<float>(values.size())};
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const Range range = RangeAt(*this, r, c);
      const auto at = static_cast<std::size_t>(r * columns + c);
      out.values[at] = static_cast<float>(values[at] - range.zero_point) * range.scale;
    }
  }
  return out;
}

IntegerGroups RoundToNearest(const Matrix& weight, const GroupFormat& format, const InputStatistics* inputs) {
  IntegerGroups out;
  out.format = format;
  out.rows = weight.rows;
  out.columns = weight.columns;
  const std::int64_t group = format.group_of(weight.columns), groups = out.groups();
  const std::vector<float> weights = ColumnWeights(weight.columns, inputs);
  out.values.resize(weight.values.size());
  out.scales.resize(static_cast<std::size_t>(weight.rows * groups));
  if (!format.symmetric) out.zero_points.resize(out.scales.size());
  for (std::int64_t at = 0; at < weight.rows * groups; ++at) {
    const float* const values = weight.values.data() + at * group;
    const Range range = BestRange(values, weights.data() + at % groups * group, group, format);
    out.scales[static_cast<std::size_t>(at)] = range.scale;
    if (!format.symmetric) {
      out.zero_points[static_cast<std::size_t>(at)] = static_cast<std::int8_t>(range.zero_point);
    }
    std::transform(values, values + group, out.values.begin() + at * group,
                   [&](float value) { return static_cast<std::int8_t>(Rounded(value, range, format)); });
  }
  return out;
}

Compensation CompensationOf(const InputStatistics& inputs) {
  const std::int64_t k = inputs.columns();
  Compensation out{std::vector<std::int64_t>(static_cast<std::size_t>(k)), {k, k, {}}};
  std::iota(out.order.begin(), out.order.end(), 0);
  std::ranges::stable_sort(out.order, std::greater<>(), [&](std::int64_t c) { return inputs.gram(c, c); });
  Square gram(k, k);
  double trace = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t j = 0; j < k; ++j) {
      gram(i, j) = inputs.gram(out.order[static_cast<std::size_t>(i)], out.order[static_cast<std::size_t>(j)]);
    }
    trace += static_cast<double>(gram(i, i));
  }
  // A little of the mean on the diagonal: inputs that never varied must not divide by nothing.
  double damping = 0.01 * trace / static_cast<double>(k);
  if (!(damping > 0)) damping = 1;
  for (;; damping *= 10) {
    Square damped = gram;
    damped.diagonal().array() += static_cast<float>(damping);
    const Eigen::LLT<Square> factor(damped);
    if (factor.info() != Eigen::Success) continue;
    const Square inverse = factor.solve(Square::Identity(k, k));
    const Eigen::LLT<Square> inverse_factor(inverse);
    if (inverse_factor.info() != Eigen::Success) continue;
    out.factor.values.resize(static_cast<std::size_t>(k * k));
    Eigen::Map<Square>(out.factor.values.data(), k, k) = inverse_factor.matrixU();
    return out;
  }
}

IntegerGroups RoundInTurn(const Matrix& weight, IntegerGroups nearest, const Compensation& compensation) {
  IntegerGroups out = std::move(nearest);
  const std::int64_t k = weight.columns;
  const std::vector<std::int64_t>& order = compensation.order;
  const Eigen::Map<const Square> factor(compensation.factor.values.data(), k, k);
  // Rows know nothing of each other; a few at once share each row of the factor while it is in cache.
  constexpr std::int64_t kRows = 16;
  Square left(kRows, k);
  for (std::int64_t first = 0; first < weight.rows; first += kRows) {
    const std::int64_t rows = std::min(kRows, weight.rows - first);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t j = 0; j < k; ++j) left(r, j) = weight.row(first + r)[order[static_cast<std::size_t>(j)]];
    }
    for (std::int64_t j = 0; j < k; ++j) {
      const std::int64_t column = order[static_cast<std::size_t>(j)];
      for (std::int64_t r = 0; r < rows; ++r) {
        const Range range = RangeAt(out, first + r, column);
        const int q = Rounded(left(r, j), range, out.format);
        out.values[static_cast<std::size_t>((first + r) * k + column)] = static_cast<std::int8_t>(q);
        const float error = (left(r, j) - static_cast<float>(q - range.zero_point) * range.scale) / factor(j, j);
        left.row(r).tail(k - j - 1) -= error * factor.row(j).tail(k - j - 1);
      }
    }
  }
  return out;
}

}  // namespace strata::quantize
