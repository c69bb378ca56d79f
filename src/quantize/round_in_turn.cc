#include "quantize/round_in_turn.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>

#include "quantize/inverse_factor.h"

namespace strata::quantize {
namespace {

constexpr std::int64_t kBlock = Compensation::kBlock;
constexpr std::int64_t kRows = 64;  // a block of so many is in L1

/// Rows [begin, begin + count) of a weight, on their way.
class RowsInTurn {
 public:
  RowsInTurn(const Compensation& compensation, RoundedGroups& out, std::int64_t begin, std::int64_t count)
      : compensation_(compensation),
        out_(out),
        begin_(begin),
        count_(count),
        k_(out.columns),
        levels_(out.format),
        left_(static_cast<std::size_t>(count * k_)),
        errors_(static_cast<std::size_t>(count * kBlock)) {}

  void Run(const Matrix& weight) {
    for (std::int64_t r = 0; r < count_; ++r) {
      const float* const row = weight.row(begin_ + r);
      for (std::int64_t j = 0; j < k_; ++j) Left(r)[j] = row[compensation_.order[static_cast<std::size_t>(j)]];
    }
    for (std::int64_t block = 0; block < k_; block += kBlock) {
      const std::int64_t end = std::min(block + kBlock, k_);
      for (std::int64_t j = block; j < end; ++j) RoundColumn(j, block, end);
      if (end == k_) break;
      const PackedMatrix& behind = compensation_.behind[static_cast<std::size_t>(block / kBlock)];
      behind.Multiply({errors_.data(), kBlock}, count_, Into::kSubtract, {Left(0) + end, k_});
    }
  }

 private:
  float* Left(std::int64_t row) { return left_.data() + row * k_; }

  /// Column j of the order; what that loses goes to those up to `end`, and waits in errors_ for the others.
  void RoundColumn(std::int64_t j, std::int64_t block, std::int64_t end) {
    const std::int64_t column = compensation_.order[static_cast<std::size_t>(j)], groups = out_.groups();
    const std::int64_t group = column / out_.format.group_of(k_);
    const float* const factor = compensation_.factor.row(j);
    for (std::int64_t r = 0; r < count_; ++r) {
      const auto at = static_cast<std::size_t>((begin_ + r) * groups + group);
      const float scale = out_.scales[at];
      const float zero_point = out_.zero_points.empty() ? 0 : out_.zero_points[at];
      float* const left = Left(r);
      const float level = levels_.Nearest(left[j], 1 / scale, zero_point);
      out_.values[static_cast<std::size_t>((begin_ + r) * k_ + column)] = levels_.Bits(level);
      const float error = (left[j] - (level - zero_point) * scale) / factor[j];
      errors_[static_cast<std::size_t>(r * kBlock + j - block)] = error;
      for (std::int64_t i = j + 1; i < end; ++i) left[i] -= error * factor[i];
    }
  }

  const Compensation& compensation_;
  RoundedGroups& out_;
  const std::int64_t begin_, count_, k_;
  const Levels levels_;
  std::vector<float> left_;    ///< [count, columns] in the order
  std::vector<float> errors_;  ///< [count, kBlock]: of the block, in units of the factor's diagonal
};

}  // namespace

Compensation CompensationOf(Workers& workers, const InputStatistics& inputs) {
  const std::int64_t k = inputs.columns();
  Compensation out;
  out.order.resize(static_cast<std::size_t>(k));
  std::iota(out.order.begin(), out.order.end(), 0);
  std::ranges::stable_sort(out.order, std::greater<>(), [&](std::int64_t c) { return inputs.gram(c, c); });
  Matrix gram{k, k, std::vector<float>(static_cast<std::size_t>(k * k))};
  double trace = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t j = 0; j < k; ++j) {
      gram.row(i)[j] = inputs.gram(out.order[static_cast<std::size_t>(i)], out.order[static_cast<std::size_t>(j)]);
    }
    trace += static_cast<double>(gram.row(i)[i]);
  }
  // A little of the mean on the diagonal: inputs that never varied must not divide by nothing.
  double damping = 0.01 * trace / static_cast<double>(k);
  if (!(damping > 0)) damping = 1;
  std::optional<Matrix> factor;
  for (double added = 0; !factor; damping *= 10) {
    for (std::int64_t i = 0; i < k; ++i) gram.row(i)[i] += static_cast<float>(damping - added);
    added = damping;
    factor = InverseFactor(workers, gram);
  }
  out.factor = std::move(*factor);
  for (std::int64_t end = kBlock; end < k; end += kBlock) {
    out.behind.push_back(PackedMatrix::OfColumns(out.factor.row(end - kBlock) + end, k - end, kBlock, k));
  }
  return out;
}

RoundedGroups RoundInTurn(Workers& workers, const Matrix& weight, RoundedGroups nearest,
                          const Compensation& compensation) {
  RoundedGroups out = std::move(nearest);
  workers.For(weight.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    RowsInTurn(compensation, out, begin, end - begin).Run(weight);
  });
  return out;
}

}  // namespace strata::quantize
