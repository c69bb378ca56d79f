#include "quantize/inverse_factor.h"

#include <algorithm>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "quantize/matrix_product.h"

namespace strata::quantize {
namespace {

using Square = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::int64_t kBlock = 64;  // columns; what is behind them is updated by a product

/// Row and column i become n - 1 - i: an upper triangle becomes a lower one.
Matrix TurnedRound(const Matrix& matrix) {
  Matrix out{matrix.rows, matrix.columns, matrix.values};
  std::ranges::reverse(out.values);
  return out;
}

/// Of lower triangular L in place of its square `a` (the Cholesky factor), the inverses of the blocks on its diagonal;
/// empty where there is none. What is above the diagonal is not looked at.
std::vector<Square> Factorize(Workers& workers, Matrix& a) {
  const std::int64_t n = a.columns;
  std::vector<Square> inverses;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t end = std::min(begin + kBlock, n), width = end - begin, below = n - end;
    const auto at = [&](std::int64_t row) { return a.row(row) + begin; };
    Eigen::Map<Square, 0, Eigen::OuterStride<>> block(at(begin), width, width, Eigen::OuterStride<>(n));
    const Eigen::LLT<Square> factor(block);
    if (factor.info() != Eigen::Success) return {};
    inverses.emplace_back(factor.matrixL().solve(Square::Identity(width, width)));
    block = factor.matrixL();
    if (below == 0) break;
    const PackedMatrix inverse = PackedMatrix::OfRows(inverses.back().data(), width, width, width);
    inverse.Multiply(workers, {at(end), n}, below, Into::kSet,
                     {at(end), n});  // rows are copied before they are written
    const PackedMatrix panel = PackedMatrix::OfRows(at(end), below, width, n);
    panel.MultiplyLower(workers, {at(end), n}, below, Into::kSubtract, {a.row(end) + end, n});
  }
  return inverses;
}

/// The inverse of lower triangular `l`, by substitution from the top.
Matrix Inverse(Workers& workers, const Matrix& l, const std::vector<Square>& diagonal) {
  const std::int64_t n = l.columns;
  Matrix out{n, n, std::vector<float>(l.values.size())};
  for (std::int64_t i = 0; i < n; ++i) out.row(i)[i] = 1;
  for (std::size_t b = 0; b < diagonal.size(); ++b) {
    const std::int64_t begin = static_cast<std::int64_t>(b) * kBlock, width = diagonal[b].rows(), end = begin + width;
    {
      const PackedMatrix rows = PackedMatrix::OfColumns(out.row(begin), end, width, n);
      rows.Multiply({diagonal[b].data(), width}, width, Into::kSet, {out.row(begin), n});
    }
    if (end == n) break;
    const PackedMatrix rows = PackedMatrix::OfColumns(out.row(begin), end, width, n);
    rows.Multiply(workers, {l.row(end) + begin, n}, n - end, Into::kSubtract, {out.row(end), n});
  }
  return out;
}

}  // namespace

std::optional<Matrix> InverseFactor(Workers& workers, const Matrix& matrix) {
  Matrix lower = TurnedRound(matrix);
  const std::vector<Square> diagonal = Factorize(workers, lower);
  if (diagonal.empty()) return std::nullopt;
  return TurnedRound(Inverse(workers, lower, diagonal));
}

}  // namespace strata::quantize
