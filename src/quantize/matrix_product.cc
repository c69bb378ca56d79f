#include "quantize/matrix_product.h"

#include <cstddef>
#include <new>
#include <span>
#include <vector>

#include "base/cpu_features.h"

namespace strata::quantize {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::int64_t kRows = 64;  // so many pass over a panel while it is in L1

void Combine(const float* const* inputs, const std::int64_t* strides, float* out, std::int64_t out_stride,
             std::int64_t rows, std::int64_t columns, float sign) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* const product = inputs[0] + r * strides[0];
    const float* const was = inputs[1] + r * strides[1];
    for (std::int64_t c = 0; c < columns; ++c) out[r * out_stride + c] = was[c] + sign * product[c];
  }
}

void Add(const float* const* inputs, const std::int64_t* strides, float* out, std::int64_t out_stride,
         std::int64_t rows, std::int64_t columns) {
  Combine(inputs, strides, out, out_stride, rows, columns, 1);
}

void Subtract(const float* const* inputs, const std::int64_t* strides, float* out, std::int64_t out_stride,
              std::int64_t rows, std::int64_t columns) {
  Combine(inputs, strides, out, out_stride, rows, columns, -1);
}

}  // namespace

void PackedMatrix::Free::operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }

PackedMatrix::Memory PackedMatrix::Allocate(std::size_t bytes) {
  return Memory(static_cast<std::byte*>(::operator new[](bytes, kAlignment)));
}

PackedMatrix::PackedMatrix(const float* rows, std::int64_t n, std::int64_t k)
    : problem_{DType::kF32, n, k, kernels::Activations::kExact}, kernel_(kernels::SelectLinear(problem_, Cpu())) {
  packed_ = Allocate(kernel_->packed_bytes(problem_));
  TensorView view;
  view.shape = {n, k};
  view.data = std::as_bytes(std::span(rows, static_cast<std::size_t>(n * k)));
  kernel_->pack(problem_, {{&view, 1}, false}, 0, kernels::Panels(n), packed_.get());
}

PackedMatrix PackedMatrix::OfRows(const float* rows, std::int64_t n, std::int64_t k, std::int64_t stride) {
  if (stride == k) return PackedMatrix(rows, n, k);
  std::vector<float> dense(static_cast<std::size_t>(n * k));
  for (std::int64_t r = 0; r < n; ++r) std::copy_n(rows + r * stride, k, dense.begin() + r * k);
  return PackedMatrix(dense.data(), n, k);
}

PackedMatrix PackedMatrix::OfColumns(const float* rows, std::int64_t n, std::int64_t k, std::int64_t stride) {
  std::vector<float> dense(static_cast<std::size_t>(n * k));
  constexpr std::int64_t kTile = 16;  // floats of a cache line
  for (std::int64_t c0 = 0; c0 < n; c0 += kTile) {
    for (std::int64_t r = 0; r < k; ++r) {
      for (std::int64_t c = c0; c < std::min(c0 + kTile, n); ++c) {
        dense[static_cast<std::size_t>(c * k + r)] = rows[r * stride + c];
      }
    }
  }
  return PackedMatrix(dense.data(), n, k);
}

void PackedMatrix::Multiply(RowsOf<const float> a, std::int64_t rows, Into into, RowsOf<float> out,
                            std::int64_t panel_begin, std::int64_t panel_end) const {
  const auto row_bytes = static_cast<std::int64_t>(kernel_->prepared_row_bytes(k()));
  const Memory prepared = Allocate(static_cast<std::size_t>(std::min(rows, kRows) * row_bytes));
  for (std::int64_t begin = 0; begin < rows; begin += kRows) {
    const std::int64_t count = std::min(kRows, rows - begin);
    kernel_->prepare({.x = a.data + begin * a.stride,
                      .x_stride = a.stride,
                      .rows = count,
                      .k = k(),
                      .run_rows = count,
                      .out = prepared.get()});
    kernels::Epilogue epilogue;
    epilogue.out = out.data + begin * out.stride;
    epilogue.out_stride = out.stride;
    epilogue.out_cols = n();
    if (into != Into::kSet) {
      epilogue.map = into == Into::kAdd ? Add : Subtract;
      epilogue.extras = 1;
      epilogue.extra[0] = epilogue.out;
      epilogue.extra_stride[0] = out.stride;
    }
    kernel_->run({prepared.get(), packed_.get(), count, n(), k(), &epilogue}, panel_begin, panel_end);
  }
}

void PackedMatrix::Multiply(Workers& workers, RowsOf<const float> a, std::int64_t rows, Into into,
                            RowsOf<float> out) const {
  workers.For(rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    Multiply({a.data + begin * a.stride, a.stride}, end - begin, into, {out.data + begin * out.stride, out.stride});
  });
}

void PackedMatrix::MultiplyLower(Workers& workers, RowsOf<const float> a, std::int64_t rows, Into into,
                                 RowsOf<float> out) const {
  const std::int64_t chunks = (rows + kRows - 1) / kRows;
  // The longest first: the last ones to be taken are short.
  workers.For(chunks, 1, [&](std::int64_t chunk, std::int64_t) {
    const std::int64_t begin = (chunks - 1 - chunk) * kRows, end = std::min(begin + kRows, rows);
    Multiply({a.data + begin * a.stride, a.stride}, end - begin, into, {out.data + begin * out.stride, out.stride}, 0,
             kernels::Panels(std::min(end, n())));
  });
}

}  // namespace strata::quantize
