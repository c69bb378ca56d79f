#include <cassert>
#include <cmath>
#include <limits>

#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"
#include "tensor/convert.h"

namespace strata::kernels {

void EmbedRow(const TensorView& table, std::int32_t token, float* out) {
  const Status status =
      Dequantize(table.dtype, table.row(token), std::span(out, static_cast<std::size_t>(table.shape.cols())));
  assert(status.has_value() && "the graph admits only float tables");
  static_cast<void>(status);
}

namespace {

void RmsNorm(const float* x, const float* weight, float eps, std::int64_t n, float* out) {
  double squares = 0.0;
  for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const auto factor = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps)));
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * factor * weight[i];
}

void LayerNorm(const float* x, const float* weight, const float* bias, float eps, std::int64_t n, float* out) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  const double mean = sum / static_cast<double>(n);
  double squares = 0.0;
  for (std::int64_t i = 0; i < n; ++i)
    squares += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
  const auto factor = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps)));
  const auto middle = static_cast<float>(mean);
  for (std::int64_t i = 0; i < n; ++i)
    out[i] = (x[i] - middle) * factor * weight[i] + (bias != nullptr ? bias[i] : 0.0F);
}

bool Allows(const std::uint32_t* allowed, std::int64_t i) {
  return allowed == nullptr || (allowed[i / 32] >> (i % 32) & 1) != 0;
}

std::int64_t ArgMax(const float* x, const std::uint32_t* allowed, std::int64_t n) {
  RowMax best;
  for (std::int64_t i = 0; i < n; ++i) {
    if (Allows(allowed, i)) best.Take({x[i], static_cast<std::int32_t>(i)});
  }
  return best.column < n ? best.column : 0;
}

double Softmax(const float* x, const std::uint32_t* allowed, float scale, std::int64_t n, float* out) {
  float greatest = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < n; ++i) greatest = Allows(allowed, i) && x[i] > greatest ? x[i] : greatest;
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float power = (x[i] - greatest) * (scale * kLog2E);
    const bool counts = Allows(allowed, i) && power >= kLeastPower;  // not where both are -infinity
    out[i] = counts ? std::exp2(power) : 0;
    sum += static_cast<double>(out[i]);
  }
  return sum;
}

void AddScaled(const float* x, float scale, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] += scale * x[i];
}

}  // namespace

const RowKernels kRowsRef = {"rows_ref", EmbedRow, RmsNorm, LayerNorm, RotateRow, ArgMax, Softmax, AddScaled};

}  // namespace strata::kernels
