// Weights as integers with a scale, and perhaps a zero point, for each group of inputs: what compressed-tensors files
// hold.
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/input_statistics.h"
#include "quantize/matrix.h"

namespace strata::quantize {

struct GroupFormat {
  int bits = 8;            ///< 2 to 8
  std::int64_t group = 0;  ///< inputs that share a scale; divides the columns; 0 = all of a row
  bool symmetric = true;   ///< no zero points: the integer 0 is 0

  int lowest() const { return -(1 << (bits - 1)); }
  int highest() const { return (1 << (bits - 1)) - 1; }
  std::int64_t group_of(std::int64_t columns) const { return group == 0 ? columns : group; }
};

struct IntegerGroups {
  GroupFormat format;
  std::int64_t rows = 0, columns = 0;
  std::vector<std::int8_t> values;       ///< [rows, columns], in [lowest, highest]
  std::vector<float> scales;             ///< [rows, groups], of values that f16 and bf16 have
  std::vector<std::int8_t> zero_points;  ///< [rows, groups]; empty where symmetric

  std::int64_t groups() const { return columns / format.group_of(columns); }
  /// (value - zero point) * scale.
  Matrix Dequantize() const;
};

/// Each group by itself to the nearest integers. Its range is shrunk where that makes the error smaller, an error in a
/// column counting as `inputs` say (nullptr: all columns alike).
IntegerGroups RoundToNearest(const Matrix& weight, const GroupFormat& format, const InputStatistics* inputs);

/// How the columns of any weight that reads the same inputs make good each other's errors.
struct Compensation {
  std::vector<std::int64_t> order;  ///< the columns by what an error in them costs, the dearest first
  /// [columns, columns], both in that order: the upper factor U of the inverse Gram matrix = U^T U. Row j says how the
  /// columns behind j make good an error in j.
  Matrix factor;
};

/// Work of the cube of the columns.
Compensation CompensationOf(const InputStatistics& inputs);

/// With the scales and zero points of `nearest`, but the columns are rounded one after another, and what one has lost
/// the others make good as far as they can (Frantar et al. 2022, GPTQ).
IntegerGroups RoundInTurn(const Matrix& weight, IntegerGroups nearest, const Compensation& compensation);

}  // namespace strata::quantize
