// A weight as f32, [rows (outputs), columns (inputs)].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace strata::quantize {

struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;  ///< row-major

  float* row(std::int64_t r) { return values.data() + r * columns; }
  const float* row(std::int64_t r) const { return values.data() + r * columns; }
};

}  // namespace strata::quantize
