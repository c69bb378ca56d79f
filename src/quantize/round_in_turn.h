// Rounding in which the columns make good each other's errors (Frantar et al. 2022, GPTQ).
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/input_statistics.h"
#include "quantize/matrix.h"
#include "quantize/matrix_product.h"
#include "quantize/rounded_groups.h"
#include "quantize/workers.h"

namespace strata::quantize {

/// How the columns of any weight that reads the same inputs make good each other's errors.
struct Compensation {
  static constexpr std::int64_t kBlock = 128;  ///< columns whose errors reach those behind them in one product

  std::vector<std::int64_t> order;  ///< the columns by what an error in them costs, the dearest first
  /// [columns, columns], both in that order: the upper factor U of the inverse Gram matrix = U^T U. Row j says how the
  /// columns behind j make good an error in j.
  Matrix factor;
  /// Of each block but the last: what its rows of the factor have for the columns behind it, [columns behind, kBlock].
  std::vector<PackedMatrix> behind;
};

/// Work of the cube of the columns.
Compensation CompensationOf(Workers& workers, const InputStatistics& inputs);

/// With the scales and zero points of `nearest`, but the columns are rounded one after another, and what one has lost
/// the others make good as far as they can.
RoundedGroups RoundInTurn(Workers& workers, const Matrix& weight, RoundedGroups nearest,
                          const Compensation& compensation);

}  // namespace strata::quantize
