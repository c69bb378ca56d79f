// What the float linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_float.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "kernels/kernel_list.h"
#include "kernels/linear_int8.h"
#include "kernels/pack_source.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// The f32 panels also hold every quantised format without kernels of its own, unpacked.
PanelFloat PanelOf(DType type) {
  switch (type) {
    case DType::kF16:
      return PanelFloat::kF16;
    case DType::kBF16:
      return PanelFloat::kBF16;
    case DType::kF8_32:
      return PanelFloat::kF8_32;
    case DType::kF8_128:
      return PanelFloat::kF8_128;
    case DType::kNF4_64:
      return PanelFloat::kNF4_64;
    default:
      return PanelFloat::kF32;
  }
}

template <PanelFloat kType>
std::string RefusesType(const LinearProblem& problem) {
  return PanelOf(problem.weight_dtype) == kType ? "" : fmt::format("does not pack {}", Info(problem.weight_dtype).name);
}

#if defined(STRATA_KERNELS_X86)
template <PanelFloat kType>
std::string RefusesAvx512(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx512 ? RefusesType<kType>(problem) : "needs avx512";
}

template <PanelFloat kType>
std::string RefusesAvx2(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx2 ? RefusesType<kType>(problem) : "needs avx2";
}

template <PanelFloat kType>
std::string RefusesAmx(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  if (problem.activations != Activations::kInt8) return "rounds, which over float weights int8 allows alone";
  if (problem.k % kGroup != 0) return fmt::format("k = {} is not a multiple of {}", problem.k, kGroup);
  return RefusesType<kType>(problem);
}
#elif defined(STRATA_KERNELS_NEON)
template <PanelFloat kType>
std::string RefusesNeon(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.neon ? RefusesType<kType>(problem) : "needs neon";
}
#endif

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

// The blocks of a stored row (scaled_blocks.h) into column `column`. A float8 NaN makes its whole block NaN, for the
// loops take its bits for a number.
template <PanelFloat kType>
void ScatterBlocks(std::span<const std::byte> row, std::int64_t column, std::byte* panel) {
  constexpr std::int64_t kHead = sizeof(float);
  constexpr std::int64_t kCodes = FloatBlockCodes(kType);
  for (std::size_t at = 0; at < row.size(); at += kHead + kCodes, panel += FloatBlockBytes(kType)) {
    const std::byte* codes = row.data() + at + kHead;
    float scale;
    std::memcpy(&scale, row.data() + at, sizeof scale);
    if constexpr (kType != PanelFloat::kNF4_64) {
      scale *= kFloat8Rebias;
      if (std::any_of(codes, codes + kCodes, [](std::byte b) { return (b & std::byte{0x7f}) == std::byte{0x7f}; }))
        scale = std::numeric_limits<float>::quiet_NaN();
    }
    std::memcpy(panel + column * kHead, &scale, sizeof scale);
    for (std::int64_t i = 0; i < kCodes; ++i) panel[kFloatBlockHead + i * kPanel + column] = codes[i];
  }
}

template <PanelFloat kType>
void PackColumn(DType dtype, std::int64_t k, std::span<const std::byte> row, std::int64_t column, std::byte* panel) {
  if constexpr (FloatBlockCodes(kType) != 0) {
    ScatterBlocks<kType>(row, column, panel);
  } else if constexpr (kType != PanelFloat::kF32) {
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
  StoredRows rows(source);
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    std::byte* out = packed + panel * bytes;
    std::memset(out, 0, static_cast<std::size_t>(bytes));
    for (std::int64_t column = 0; column < kPanel; ++column) {
      const auto row = rows.Row(panel, column);
      if (row) PackColumn<kType>(problem.weight_dtype, problem.k, *row, column, out);
    }
  }
}

std::size_t PreparedRowBytes(std::int64_t k) { return static_cast<std::size_t>(FloatRowBytes(k)); }

template <PanelFloat kType>
constexpr LinearKernel Kernel(std::string_view name, decltype(LinearKernel::refuses) refuses,
                              decltype(LinearKernel::prepare) prepare, decltype(LinearKernel::run) run) {
  return {name, refuses, PackedBytes<kType>, Pack<kType>, PreparedRowBytes, prepare, run};
}

#if defined(STRATA_KERNELS_X86)
template <PanelFloat kType>
constexpr LinearKernel Amx(std::string_view name) {
  return {name,
          RefusesAmx<kType>,
          PackedBytes<kType>,
          Pack<kType>,
          [](std::int64_t k) { return static_cast<std::size_t>(BF16RowBytes(k)); },
          PrepareBF16Amx,
          RunFloatBF16Amx<kType>};
}
#endif

}  // namespace

std::span<const LinearKernel> FloatLinears() {
#if defined(STRATA_KERNELS_X86)
#define STRATA_AVX512(name, lower)                                                                                \
  Kernel<PanelFloat::k##name>("linear_" #lower "_avx512", RefusesAvx512<PanelFloat::k##name>, PrepareFloatAvx512, \
                              RunFloatAvx512<PanelFloat::k##name>),
#define STRATA_AVX2(name, lower)                                                                            \
  Kernel<PanelFloat::k##name>("linear_" #lower "_avx2", RefusesAvx2<PanelFloat::k##name>, PrepareFloatAvx2, \
                              RunFloatAvx2<PanelFloat::k##name>),
  static constexpr auto kList =
      std::to_array<LinearKernel>({STRATA_PANEL_FLOATS(STRATA_AVX512) STRATA_PANEL_FLOATS(STRATA_AVX2)});
#elif defined(STRATA_KERNELS_NEON)
#define STRATA_NEON(name, lower)                                                                            \
  Kernel<PanelFloat::k##name>("linear_" #lower "_neon", RefusesNeon<PanelFloat::k##name>, PrepareFloatNeon, \
                              RunFloatNeon<PanelFloat::k##name>),
  static constexpr auto kList = std::to_array<LinearKernel>({STRATA_PANEL_FLOATS(STRATA_NEON)});
#endif
  return kList;
}

#if defined(STRATA_KERNELS_X86)
std::span<const LinearKernel> FloatLinearsAmx() {
#define STRATA_AMX(name, lower) Amx<PanelFloat::k##name>("linear_" #lower "_bf16_amx"),
  static constexpr auto kList = std::to_array<LinearKernel>({STRATA_PANEL_FLOATS(STRATA_AMX)});
  return kList;
}
#endif

}  // namespace strata::kernels
