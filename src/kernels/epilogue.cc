#include <algorithm>
#include <cassert>
#include <cstring>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

// Columns [column, column + columns) of all rows through the map; part i's accumulators start at acc + 16 i.
void CallMap(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0, std::int64_t rows,
             std::int64_t column, std::int64_t columns) {
  constexpr int kMaxInputs = 2 * Epilogue::kMaxExtras;
  const float* inputs[kMaxInputs];
  std::int64_t strides[kMaxInputs];
  assert(epilogue.parts + epilogue.extras <= kMaxInputs);
  int count = 0;
  for (int part = 0; part < epilogue.parts; ++part, ++count) {
    inputs[count] = acc + kPanel * part;
    strides[count] = acc_stride;
  }
  for (int i = 0; i < epilogue.extras; ++i, ++count) {
    inputs[count] = epilogue.extra[i] + row0 * epilogue.extra_stride[i] + column;
    strides[count] = epilogue.extra_stride[i];
  }
  epilogue.map(inputs, strides, epilogue.out + row0 * epilogue.out_stride + column, epilogue.out_stride, rows, columns);
}

}  // namespace

void ApplyEpilogue(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0,
                   std::int64_t rows, std::int64_t panel0, std::int64_t panels) {
  assert(panel0 % epilogue.parts == 0 && panels % epilogue.parts == 0);
  assert(epilogue.map != nullptr || epilogue.parts == 1);
  const std::int64_t column0 = panel0 / epilogue.parts * kPanel;
  const std::int64_t columns = std::min(panels / epilogue.parts * kPanel, epilogue.out_cols - column0);
  if (epilogue.map == nullptr) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(epilogue.out + (row0 + r) * epilogue.out_stride + column0, acc + r * acc_stride,
                  static_cast<std::size_t>(columns) * sizeof(float));
    }
  } else if (epilogue.parts == 1) {
    CallMap(epilogue, acc, acc_stride, row0, rows, column0, columns);
  } else {
    for (std::int64_t c = 0; c < columns; c += kPanel) {
      CallMap(epilogue, acc + c * epilogue.parts, acc_stride, row0, rows, column0 + c, std::min(kPanel, columns - c));
    }
  }
}

}  // namespace strata::kernels
