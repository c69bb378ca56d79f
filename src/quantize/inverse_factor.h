// The factor of an inverse that GPTQ goes by.
#pragma once

#include <optional>

#include "quantize/matrix.h"
#include "quantize/workers.h"

namespace strata::quantize {

/// The upper triangular U with positive diagonal of which U^T U is the inverse of `matrix`, which is symmetric: without
/// the inverse, as the inverse of the R with matrix = R R^T. Nothing where the matrix is not positive definite in f32.
/// Two thirds of the cube of the columns in multiplications.
std::optional<Matrix> InverseFactor(Workers& workers, const Matrix& matrix);

}  // namespace strata::quantize
