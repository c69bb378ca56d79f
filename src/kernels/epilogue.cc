#include <algorithm>
#include <cassert>
#include <cstring>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

// Columns [column, column + columns) of all rows through the map, to out; part i's accumulators start at acc + 16 i.
void CallMap(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0, std::int64_t rows,
             std::int64_t column, std::int64_t columns, float* out, std::int64_t out_stride) {
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
  epilogue.map(inputs, strides, out, out_stride, rows, columns);
}

void Keep(RowMax& row_max, const float* values, std::int64_t column, std::int64_t columns) {
  for (std::int64_t c = 0; c < columns; ++c) {
    if (values[c] >= row_max.value) row_max.Take({values[c], static_cast<std::int32_t>(column + c)});
  }
}

// The rows that are not stored: their values go through the map, if there is one, on the way to row_max.
void KeepRows(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0, std::int64_t rows,
              std::int64_t column0, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = acc + r * acc_stride;
    for (std::int64_t c = 0; c < columns; c += kPanel) {
      const std::int64_t count = std::min(kPanel, columns - c);
      float mapped[kPanel];
      const float* values = row + c;
      if (epilogue.map != nullptr) {
        CallMap(epilogue, row + c, acc_stride, row0 + r, 1, column0 + c, count, mapped, kPanel);
        values = mapped;
      }
      Keep(epilogue.row_max[row0 + r], values, column0 + c, count);
    }
  }
}

// The rows that are stored, at out.
void Store(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0, std::int64_t rows,
           std::int64_t column0, std::int64_t columns) {
  float* out = epilogue.out + row0 * epilogue.out_stride + column0;
  if (epilogue.map == nullptr) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(out + r * epilogue.out_stride, acc + r * acc_stride,
                  static_cast<std::size_t>(columns) * sizeof(float));
    }
  } else if (epilogue.parts == 1) {
    CallMap(epilogue, acc, acc_stride, row0, rows, column0, columns, out, epilogue.out_stride);
  } else {
    for (std::int64_t c = 0; c < columns; c += kPanel) {
      CallMap(epilogue, acc + c * epilogue.parts, acc_stride, row0, rows, column0 + c, std::min(kPanel, columns - c),
              out + c, epilogue.out_stride);
    }
  }
}

}  // namespace

void ApplyEpilogue(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0,
                   std::int64_t rows, std::int64_t panel0, std::int64_t panels) {
  assert(panel0 % epilogue.parts == 0 && panels % epilogue.parts == 0);
  assert(epilogue.map != nullptr || epilogue.parts == 1);
  const std::int64_t column0 = panel0 / epilogue.parts * kPanel;
  const std::int64_t columns = std::min(panels / epilogue.parts * kPanel, epilogue.out_cols - column0);
  const std::int64_t stored = std::clamp<std::int64_t>(epilogue.out_rows - row0, 0, rows);
  if (stored > 0) Store(epilogue, acc, acc_stride, row0, stored, column0, columns);
  if (epilogue.row_max == nullptr) return;
  assert(epilogue.parts == 1);
  for (std::int64_t r = 0; r < stored; ++r) {
    Keep(epilogue.row_max[row0 + r], epilogue.out + (row0 + r) * epilogue.out_stride + column0, column0, columns);
  }
  KeepRows(epilogue, acc + stored * acc_stride, acc_stride, row0 + stored, rows - stored, column0, columns);
}

}  // namespace strata::kernels
