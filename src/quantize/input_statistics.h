// What calibration text puts into a linear: enough to say what an error in its weights costs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <vector>

#include "quantize/matrix.h"
#include "quantize/workers.h"

namespace strata::quantize {

/// Of the rows x that a linear of `columns` inputs has seen.
class InputStatistics {
 public:
  explicit InputStatistics(std::int64_t columns);

  /// `values`: [rows, columns], dense. A row counts as its element of `weights` says; empty: 1 each.
  void Add(Workers& workers, const float* values, std::int64_t rows, std::span<const float> weights = {});

  /// Of the same rows with each column divided.
  InputStatistics DividedBy(std::span<const float> scales) const;

  std::int64_t columns() const { return columns_; }
  std::int64_t rows() const { return rows_; }
  /// The sum of the rows' weights.
  double weight() const { return weight_; }
  /// The sum of weight x x^T. The squared error of outputs under an error E in the weights is sum over rows e of E of
  /// e^T gram e.
  float gram(std::int64_t i, std::int64_t j) const {
    return gram_[static_cast<std::size_t>(std::max(i, j) * columns_ + std::min(i, j))];
  }
  /// All of it, [columns, columns].
  std::vector<float> Gram(Workers& workers) const;
  /// Some of the rows, each as likely as the others, times the root of their weight: [sampled(), columns()].
  std::span<const float> sample() const { return sample_; }
  std::int64_t sampled() const { return std::ssize(sample_) / columns_; }

 private:
  void Sample(std::span<const float> row);

  std::int64_t columns_;
  std::int64_t rows_ = 0;
  double weight_ = 0;
  std::vector<float> gram_;  ///< on and below the diagonal
  std::vector<float> sample_;
  std::mt19937_64 random_;  ///< the same rows each time
};

/// sum over the rows e of `error` of e^T gram e: how much the outputs change, squared and summed.
double OutputError(Workers& workers, const float* error, std::int64_t rows, const InputStatistics& inputs);

}  // namespace strata::quantize
