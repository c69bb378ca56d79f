#include "quantize/input_statistics.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

namespace strata::quantize {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

InputStatistics::InputStatistics(std::int64_t columns)
    : columns_(columns),
      gram_(static_cast<std::size_t>(columns * columns)),
      greatest_(static_cast<std::size_t>(columns)) {}

void InputStatistics::Add(const float* values, std::int64_t rows) {
  const Eigen::Map<const Rows> x(values, rows, columns_);
  Eigen::Map<Rows> gram(gram_.data(), columns_, columns_);
  gram.noalias() += x.transpose() * x;
  Eigen::Map<Eigen::RowVectorXf> greatest(greatest_.data(), columns_);
  greatest = greatest.cwiseMax(x.cwiseAbs().colwise().maxCoeff());
  rows_ += rows;
}

InputStatistics InputStatistics::DividedBy(std::span<const float> scales) const {
  InputStatistics out(columns_);
  out.rows_ = rows_;
  for (std::int64_t i = 0; i < columns_; ++i) {
    const float own = scales[static_cast<std::size_t>(i)];
    out.greatest_[static_cast<std::size_t>(i)] = greatest_[static_cast<std::size_t>(i)] / own;
    for (std::int64_t j = 0; j < columns_; ++j) {
      out.gram_[static_cast<std::size_t>(i * columns_ + j)] = gram(i, j) / (own * scales[static_cast<std::size_t>(j)]);
    }
  }
  return out;
}

double OutputError(const float* error, std::int64_t rows, const InputStatistics& inputs) {
  const std::int64_t k = inputs.columns();
  const Eigen::Map<const Rows> e(error, rows, k);
  const Eigen::Map<const Rows> gram(inputs.gram().data(), k, k);
  // In parts, so that a large weight needs no second copy.
  constexpr std::int64_t kPart = 256;
  double sum = 0;
  for (std::int64_t begin = 0; begin < rows; begin += kPart) {
    const auto part = e.middleRows(begin, std::min(kPart, rows - begin));
    const Rows product = part * gram;
    sum += product.cwiseProduct(part).cast<double>().sum();
  }
  return std::max(sum, 0.0);
}

}  // namespace strata::quantize
