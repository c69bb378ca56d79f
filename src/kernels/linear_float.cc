// What the float linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_float.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include <fmt/format.h>

#include "kernels/kernel_list.h"
#include "kernels/pack_source.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// The f32 panels also hold every quantised format without an int8 kernel, unpacked.
bool Holds(PanelFloat panel, DType type) {
  switch (type) {
    case DType::kF16:
      return panel == PanelFloat::kF16;
    case DType::kBF16:
      return panel == PanelFloat::kBF16;
    default:
      return panel == PanelFloat::kF32;
  }
}

template <PanelFloat kType>
std::string RefusesType(const LinearProblem& problem) {
  return Holds(kType, problem.weight_dtype) ? "" : fmt::format("does not pack {}", Info(problem.weight_dtype).name);
}

template <PanelFloat kType>
std::string RefusesAvx512(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx512 ? RefusesType<kType>(problem) : "needs avx512";
}

template <PanelFloat kType>
std::string RefusesAvx2(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx2 ? RefusesType<kType>(problem) : "needs avx2";
}

template <PanelFloat kType>
std::size_t PackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n) * FloatPanelBytes(kType, problem.k));
}

// Values [k0, k0 + count) of a stored row into column `column` of a panel of [k / kTogether][16][kTogether].
template <int kTogether, class T>
void Scatter(const T* values, std::int64_t count, std::int64_t k0, std::int64_t column, std::byte* panel) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = ((k0 + i) / kTogether * kPanel + column) * kTogether + (k0 + i) % kTogether;
    std::memcpy(panel + at * static_cast<std::int64_t>(sizeof(T)), values + i, sizeof(T));
  }
}

template <PanelFloat kType>
void PackColumn(DType dtype, std::int64_t k, std::span<const std::byte> row, std::int64_t column, std::byte* panel) {
  if constexpr (kType != PanelFloat::kF32) {
    constexpr int kTogether = kType == PanelFloat::kBF16 ? 2 : 1;
    Scatter<kTogether>(reinterpret_cast<const std::uint16_t*>(row.data()), k, 0, column, panel);
  } else {
    constexpr std::int64_t kChunk = 256;  // a multiple of every format's block
    std::array<float, kChunk> values;
    for (std::int64_t k0 = 0; k0 < k; k0 += kChunk) {
      const auto count = static_cast<std::size_t>(std::min(kChunk, k - k0));
      const std::size_t offset = BytesOf(dtype, static_cast<std::size_t>(k0));
      const Status status =
          Dequantize(dtype, row.subspan(offset, BytesOf(dtype, count)), std::span(values.data(), count));
      assert(status.has_value() && "the graph admits only float weights");
      static_cast<void>(status);
      Scatter<1>(values.data(), static_cast<std::int64_t>(count), k0, column, panel);
    }
  }
}

template <PanelFloat kType>
void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  const std::int64_t bytes = FloatPanelBytes(kType, problem.k);
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    std::byte* out = packed + panel * bytes;
    std::memset(out, 0, static_cast<std::size_t>(bytes));
    for (std::int64_t column = 0; column < kPanel; ++column) {
      const auto row = StoredRow(source, panel, column);
      if (row) PackColumn<kType>(problem.weight_dtype, problem.k, *row, column, out);
    }
  }
}

std::size_t PreparedRowBytes(std::int64_t k) { return static_cast<std::size_t>(FloatRowBytes(k)); }

template <PanelFloat kType>
constexpr LinearKernel Avx512(std::string_view name) {
  return {name,
          RefusesAvx512<kType>,
          PackedBytes<kType>,
          Pack<kType>,
          PreparedRowBytes,
          PrepareFloatAvx512,
          RunFloatAvx512<kType>};
}

template <PanelFloat kType>
constexpr LinearKernel Avx2(std::string_view name) {
  return {name,
          RefusesAvx2<kType>,
          PackedBytes<kType>,
          Pack<kType>,
          PreparedRowBytes,
          PrepareFloatAvx2,
          RunFloatAvx2<kType>};
}

}  // namespace

constinit const LinearKernel kLinearF32Avx512 = Avx512<PanelFloat::kF32>("linear_f32_avx512");
constinit const LinearKernel kLinearF16Avx512 = Avx512<PanelFloat::kF16>("linear_f16_avx512");
constinit const LinearKernel kLinearBF16Avx512 = Avx512<PanelFloat::kBF16>("linear_bf16_avx512");

constinit const LinearKernel kLinearF32Avx2 = Avx2<PanelFloat::kF32>("linear_f32_avx2");
constinit const LinearKernel kLinearF16Avx2 = Avx2<PanelFloat::kF16>("linear_f16_avx2");
constinit const LinearKernel kLinearBF16Avx2 = Avx2<PanelFloat::kBF16>("linear_bf16_avx2");

}  // namespace strata::kernels
