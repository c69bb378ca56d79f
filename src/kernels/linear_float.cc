// What the float linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_float.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "kernels/kernel_list.h"
#include "kernels/linear_bf16.h"
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
std::string RefusesBF16(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  if (problem.activations != Activations::kBF16) return "rounds activations to bf16";
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

// of_values(some of a stored row as f32, the first one's k), in order.
template <class OfValues>
void ForFloats(DType dtype, std::int64_t k, std::span<const std::byte> row, const OfValues& of_values) {
  constexpr std::int64_t kChunk = 256;  // a multiple of every format's block
  std::array<float, kChunk> values;
  for (std::int64_t k0 = 0; k0 < k; k0 += kChunk) {
    const auto count = static_cast<std::size_t>(std::min(kChunk, k - k0));
    const std::size_t offset = BytesOf(dtype, static_cast<std::size_t>(k0));
    const std::span<float> some(values.data(), count);
    const Status status = Dequantize(dtype, row.subspan(offset, BytesOf(dtype, count)), some);
    assert(status.has_value() && "the graph admits only float weights");
    static_cast<void>(status);
    of_values(some, k0);
  }
}

// The blocks of a stored row (scaled_blocks.h) into column `column`, their codes by put_codes(codes, where a block's
// begin). A float8 NaN makes its whole block NaN, for the loops take its bits for a number.
template <PanelFloat kType, class PutCodes>
void PutBlocks(std::span<const std::byte> row, std::int64_t column, std::byte* panel, const PutCodes& put_codes) {
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
    put_codes(codes, panel + kFloatBlockHead);
  }
}

template <PanelFloat kType>
void PackColumn(DType dtype, std::int64_t k, std::span<const std::byte> row, std::int64_t column, std::byte* panel) {
  if constexpr (FloatBlockCodes(kType) != 0) {
    PutBlocks<kType>(row, column, panel, [&](const std::byte* codes, std::byte* out) {
      for (std::int64_t i = 0; i < FloatBlockCodes(kType); ++i) out[i * kPanel + column] = codes[i];
    });
  } else if constexpr (kType != PanelFloat::kF32) {
    constexpr int kTogether = kType == PanelFloat::kBF16 ? 2 : 1;
    Scatter<kTogether>(reinterpret_cast<const std::uint16_t*>(row.data()), k, 0, column, panel);
  } else {
    ForFloats(dtype, k, row, [&](std::span<const float> values, std::int64_t k0) {
      Scatter<1>(values.data(), static_cast<std::int64_t>(values.size()), k0, column, panel);
    });
  }
}

// pack_column(dtype, k, stored row, column, panel) for all that are there.
template <class PackOne>
void PackPanels(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin,
                std::int64_t panel_end, std::int64_t panel_bytes, std::byte* packed, const PackOne& pack_column) {
  StoredRows rows(source);
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    std::byte* out = packed + panel * panel_bytes;
    std::memset(out, 0, static_cast<std::size_t>(panel_bytes));
    for (std::int64_t column = 0; column < kPanel; ++column) {
      const auto row = rows.Row(panel, column);
      if (row) pack_column(problem.weight_dtype, problem.k, *row, column, out);
    }
  }
}

template <PanelFloat kType>
void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  PackPanels(problem, source, panel_begin, panel_end, FloatPanelBytes(kType, problem.k), packed, PackColumn<kType>);
}

#if defined(STRATA_KERNELS_X86)
template <PanelFloat kType>
void PackTileColumn(DType dtype, std::int64_t k, std::span<const std::byte> row, std::int64_t column,
                    std::byte* panel) {
  if constexpr (FloatBlockCodes(kType) != 0) {
    PutBlocks<kType>(row, column, panel, [&](const std::byte* codes, std::byte* out) {
      for (std::int64_t g = 0; g < FloatBlockSpan(kType) / kGroup; ++g, out += FloatTileGroupBytes(kType)) {
        if constexpr (kType == PanelFloat::kNF4_64) {
          const auto nibble = [&](std::int64_t i) { return codes[(g * kGroup + i) / 2] >> i % 2 * 4 & std::byte{15}; };
          constexpr std::int64_t kHalf = kGroup / 2;
          for (std::int64_t i = 0; i < kHalf; ++i) out[column * kHalf + i] = nibble(i) | nibble(kHalf + i) << 4;
        } else {
          std::memcpy(out + column * kGroup, codes + g * kGroup, kGroup);
        }
      }
    });
  } else {
    ForFloats(dtype, k, row, [&](std::span<const float> values, std::int64_t k0) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int64_t at = k0 + static_cast<std::int64_t>(i);
        const std::uint16_t bits = F32ToBF16(values[i]);
        std::memcpy(panel + FloatTileGroupOffset(kType, at / kGroup) + column * 64 + at % kGroup * 2, &bits, 2);
      }
    });
  }
}

template <PanelFloat kType>
std::size_t TilePackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n) * FloatTilePanelBytes(kType, problem.k));
}

template <PanelFloat kType>
void PackTiles(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
               std::byte* packed) {
  PackPanels(problem, source, panel_begin, panel_end, FloatTilePanelBytes(kType, problem.k), packed,
             PackTileColumn<kType>);
}
#endif

std::size_t PreparedRowBytes(std::int64_t k) { return static_cast<std::size_t>(FloatRowBytes(k)); }

template <PanelFloat kType>
constexpr LinearKernel Kernel(std::string_view name, decltype(LinearKernel::refuses) refuses,
                              decltype(LinearKernel::prepare) prepare, decltype(LinearKernel::run) run) {
  return {name, refuses, PackedBytes<kType>, Pack<kType>, PreparedRowBytes, prepare, run};
}

#if defined(STRATA_KERNELS_X86)
template <PanelFloat kType>
constexpr LinearKernel BF16(std::string_view name) {
  return {name,
          RefusesBF16<kType>,
          TilePackedBytes<kType>,
          PackTiles<kType>,
          [](std::int64_t k) { return static_cast<std::size_t>(BF16RowBytes(k)); },
          PrepareBF16Amx,
          RunFloatBF16Amx<kTileFloat<kType>>,
          kBF16Block};
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
std::span<const LinearKernel> FloatLinearsBF16() {
#define STRATA_BF16(name, lower) BF16<PanelFloat::k##name>("linear_" #lower "_bf16_amx"),
  static constexpr auto kList = std::to_array<LinearKernel>({STRATA_PANEL_FLOATS(STRATA_BF16)});
  return kList;
}
#endif

}  // namespace strata::kernels
