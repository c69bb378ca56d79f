// What the int8 linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_int8.h"

#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "kernels/group_unpack.h"
#include "kernels/kernel_list.h"
#include "kernels/linear_bf16.h"
#include "kernels/pack_source.h"
#include "tensor/convert.h"
#include "tensor/levels.h"

namespace strata::kernels {
namespace {

std::string RefusesProblem(DType type, Activations activations, const LinearProblem& problem) {
  if (problem.weight_dtype != type) return fmt::format("packs {} only", Info(type).name);
  if (problem.activations == Activations::kExact) return "rounds activations";
  if (problem.activations != activations) return fmt::format("rounds activations to {}", NameOf(activations));
  if (problem.k % kGroup != 0) return fmt::format("k = {} is not a multiple of {}", problem.k, kGroup);
  return "";
}

#if defined(STRATA_KERNELS_X86)
template <DType kType, Activations kActivations, ManyRowsBy kManyRows>
std::string RefusesAvx512Vnni(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.avx512 || !cpu.avx512_vnni) return "needs avx512 vnni";
  if (kManyRows == ManyRowsBy::kStrips && !cpu.avx512_halves) return "is for processors whose zmm take two passes";
  return RefusesProblem(kType, kActivations, problem);
}

template <DType kType, Activations kActivations>
std::string RefusesAvx2(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.avx2) return "needs avx2";
  return RefusesProblem(kType, kActivations, problem);
}

template <DType kType>
std::string RefusesBF16(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  return RefusesProblem(kType, Activations::kBF16, problem);
}

template <DType kType>
std::string RefusesPrefill(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  return RefusesProblem(kType, problem.activations, problem);
}
#elif defined(STRATA_KERNELS_NEON)
template <DType kType, Activations kActivations>
std::string RefusesNeonDot(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.neon_dotprod) return "needs neon dotprod";
  return RefusesProblem(kType, kActivations, problem);
}
#endif

constexpr int PlanesOf(Activations activations) { return activations == Activations::kInt16 ? 2 : 1; }

template <Int8Format kFormat>
std::size_t PackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n) * PanelLayout(kFormat, problem.k).bytes);
}

template <QuantOrder kOrder>
void PutQuants(bool nibbles, const std::uint8_t* quants, std::int64_t column, std::byte* group) {
  if constexpr (kOrder == QuantOrder::kTiles) {
    if (!nibbles) {
      std::memcpy(group + kGroup * column, quants, kGroup);
      return;
    }
    std::uint16_t words[kGroup];  // which hold other columns' nibbles, or zeros
    std::memcpy(words, group + column / 4 * 64, sizeof words);
    for (std::int64_t i = 0; i < kGroup; ++i) {
      words[i] = static_cast<std::uint16_t>(words[i] | quants[i] << (column % 4 * 4));
    }
    std::memcpy(group + column / 4 * 64, words, sizeof words);
  } else if (nibbles) {
    for (int j = 0; j < 4; ++j) {
      for (int i = 0; i < 4; ++i) {
        group[64 * j + 4 * column + i] = static_cast<std::byte>(quants[4 * j + i] | quants[4 * j + 16 + i] << 4);
      }
    }
  } else {
    for (int j = 0; j < 8; ++j) std::memcpy(group + 64 * j + 4 * column, quants + 4 * j, 4);
  }
}

// The scale as the format keeps it; exact, for no format has narrower scales than its types store. `shared`: that of
// the block, which kFactors multiply.
template <ScaleType kType>
void PutScale(float scale, float shared, std::int64_t index, std::byte* scales) {
  if constexpr (kType == ScaleType::kFactors) {
    const float factor = scale / shared;  // a whole number, unless the file has what CheckFinite names
    scales[index] = std::byte(std::isfinite(factor) ? static_cast<std::int8_t>(factor) : std::int8_t{0});
  } else if constexpr (kType == ScaleType::kF32) {
    std::memcpy(scales + 4 * index, &scale, 4);
  } else {
    const std::uint16_t bits = kType == ScaleType::kF16 ? F32ToF16(scale) : F32ToBF16(scale);
    std::memcpy(scales + 2 * index, &bits, 2);
  }
}

template <Int8Format kFormat, QuantOrder kOrder>
void PackPanel(const LinearProblem& problem, StoredRows& rows, std::int64_t panel, std::byte* out) {
  static_assert(SectionBytes(kFormat, kSection) % 64 == 0);
  const Int8Panel layout = PanelLayout(kFormat, problem.k);
  std::memset(out, 0, static_cast<std::size_t>(layout.bytes));
  if constexpr (kFormat.levels) {
    for (std::size_t code = 0; code < 16; ++code)
      out[static_cast<std::size_t>(layout.levels) + code] =
          std::byte(LevelsOf(problem.weight_dtype)[code] + kFormat.zero);
  }
  for (std::int64_t column = 0; column < kPanel; ++column) {
    const auto row = rows.Row(panel, column);
    if (!row) continue;  // zero scales make the padding's columns zero
    for (std::int64_t g = 0; g < problem.k / kGroup; ++g) {
      UnpackedGroup group{};
      UnpackGroup(problem.weight_dtype, row->data(), g, group);
      const Int8Places at = PlacesOf(kFormat, layout, g);
      PutQuants<kOrder>(kFormat.nibbles, group.quants, column, out + at.quants);
      SharedScales shared{};
      if constexpr (kFormat.scales == ScaleType::kFactors) {
        shared = SharedScalesOf(problem.weight_dtype, row->data(), g);
        PutScale<ScaleType::kF16>(shared.scale, 0, column, out + at.shared);
        if constexpr (kFormat.stored_min) PutScale<ScaleType::kF16>(shared.min, 0, kPanel + column, out + at.shared);
      }
      for (int half = 0; half < kFormat.halves; ++half) {
        const std::int64_t offset = HalfOffset(kFormat, half);
        PutScale<kFormat.scales>(group.scale[half], shared.scale, column, out + at.scales + offset);
        if constexpr (kFormat.stored_min)
          PutScale<kFormat.scales>(group.min[half], shared.min, column, out + at.mins + offset);
      }
    }
  }
}

template <Int8Format kFormat, QuantOrder kOrder>
void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  StoredRows rows(source);
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    PackPanel<kFormat, kOrder>(problem, rows, panel, packed + panel * PanelLayout(kFormat, problem.k).bytes);
  }
}

template <int kPlanes>
std::size_t PreparedRowBytes(std::int64_t k) {
  return static_cast<std::size_t>(Int8RowBytes(kPlanes, k));
}

using enum DType;
using Activations::kInt16;
using Activations::kInt8;

template <Int8Format kFormat, int kPlanes>
constexpr LinearKernel Kernel(std::string_view name, decltype(LinearKernel::refuses) refuses,
                              decltype(LinearKernel::prepare) prepare, decltype(LinearKernel::run) run) {
  return {name,    refuses, PackedBytes<kFormat>, Pack<kFormat, QuantOrder::kQuads>, PreparedRowBytes<kPlanes>,
          prepare, run};
}

#if defined(STRATA_KERNELS_X86)
template <DType kType, Int8Format kFormat, Activations kActivations, ManyRowsBy kManyRows>
constexpr LinearKernel Avx512Vnni(std::string_view name) {
  constexpr int kPlanes = PlanesOf(kActivations);
  return Kernel<kFormat, kPlanes>(name, RefusesAvx512Vnni<kType, kActivations, kManyRows>,
                                  PrepareInt8Avx512<kPlanes, kManyRows>,
                                  RunInt8Avx512Vnni<kFormat, kPlanes, kManyRows>);
}

template <DType kType, Int8Format kFormat, Activations kActivations>
constexpr LinearKernel Avx2(std::string_view name) {
  constexpr int kPlanes = PlanesOf(kActivations);
  return Kernel<kFormat, kPlanes>(name, RefusesAvx2<kType, kActivations>, PrepareInt8Avx2<kPlanes>,
                                  RunInt8Avx2<kFormat, kPlanes>);
}

template <DType kType, Int8Format kFormat>
constexpr LinearKernel Prefill(std::string_view name) {
  return {name,
          RefusesPrefill<kType>,
          PackedBytes<kFormat>,
          Pack<kFormat, QuantOrder::kQuads>,
          [](std::int64_t k) { return static_cast<std::size_t>(PrefillRowBytes(k)); },
          PreparePrefillAmx,
          RunPrefillAmx<kFormat>};
}

template <DType kType, Int8Format kFormat>
constexpr LinearKernel BF16(std::string_view name) {
  return {name,
          RefusesBF16<kType>,
          PackedBytes<kFormat>,
          Pack<kFormat, QuantOrder::kTiles>,
          [](std::int64_t k) { return static_cast<std::size_t>(BF16RowBytes(k)); },
          PrepareBF16Amx,
          RunInt8BF16Amx<kFormat>,
          kBF16Block};
}

using enum ManyRowsBy;

// In the order in which they are tried: what suits the processor best, then the most exact activations.
#define STRATA_STRIPS_INT16(type, lower, format) \
  Avx512Vnni<k##type, kFormat##format, kInt16, kStrips>("linear_" #lower "_int16_avx512vnni_strips"),
#define STRATA_STRIPS_INT8(type, lower, format) \
  Avx512Vnni<k##type, kFormat##format, kInt8, kStrips>("linear_" #lower "_int8_avx512vnni_strips"),
#define STRATA_TILES_INT16(type, lower, format) \
  Avx512Vnni<k##type, kFormat##format, kInt16, kTiles>("linear_" #lower "_int16_avx512vnni"),
#define STRATA_TILES_INT8(type, lower, format) \
  Avx512Vnni<k##type, kFormat##format, kInt8, kTiles>("linear_" #lower "_int8_avx512vnni"),
#define STRATA_AVX2_INT16(type, lower, format) Avx2<k##type, kFormat##format, kInt16>("linear_" #lower "_int16_avx2"),
#define STRATA_AVX2_INT8(type, lower, format) Avx2<k##type, kFormat##format, kInt8>("linear_" #lower "_int8_avx2"),
#define STRATA_PREFILL(type, lower, format) Prefill<k##type, kFormat##format>("linear_" #lower "_prefill_amx"),
#define STRATA_BF16(type, lower, format) BF16<k##type, kFormat##format>("linear_" #lower "_bf16_amx"),

constinit const auto kAvx512Vnni =
    std::to_array<LinearKernel>({STRATA_INT8_TYPES(STRATA_STRIPS_INT16) STRATA_INT8_TYPES(STRATA_STRIPS_INT8)
                                     STRATA_INT8_TYPES(STRATA_TILES_INT16) STRATA_INT8_TYPES(STRATA_TILES_INT8)});
constinit const auto kAvx2 =
    std::to_array<LinearKernel>({STRATA_INT8_TYPES(STRATA_AVX2_INT16) STRATA_INT8_TYPES(STRATA_AVX2_INT8)});
constinit const auto kPrefill = std::to_array<LinearKernel>({STRATA_INT8_TYPES(STRATA_PREFILL)});
constinit const auto kOfBF16 = std::to_array<LinearKernel>({STRATA_INT8_TYPES(STRATA_BF16)});
#elif defined(STRATA_KERNELS_NEON)
template <DType kType, Int8Format kFormat, Activations kActivations>
constexpr LinearKernel NeonDot(std::string_view name) {
  constexpr int kPlanes = PlanesOf(kActivations);
  return Kernel<kFormat, kPlanes>(name, RefusesNeonDot<kType, kActivations>, PrepareInt8NeonDot<kPlanes>,
                                  RunInt8NeonDot<kFormat, kPlanes>);
}

#define STRATA_NEON_INT16(type, lower, format) \
  NeonDot<k##type, kFormat##format, kInt16>("linear_" #lower "_int16_neondot"),
#define STRATA_NEON_INT8(type, lower, format) \
  NeonDot<k##type, kFormat##format, kInt8>("linear_" #lower "_int8_neondot"),

constinit const auto kNeonDot =
    std::to_array<LinearKernel>({STRATA_INT8_TYPES(STRATA_NEON_INT16) STRATA_INT8_TYPES(STRATA_NEON_INT8)});
#endif

}  // namespace

#if defined(STRATA_KERNELS_X86)
std::span<const LinearKernel> Int8LinearsAvx512Vnni() { return kAvx512Vnni; }
std::span<const LinearKernel> Int8LinearsAvx2() { return kAvx2; }
std::span<const LinearKernel> PrefillLinearsAmx() { return kPrefill; }
std::span<const LinearKernel> Int8LinearsBF16() { return kOfBF16; }
#elif defined(STRATA_KERNELS_NEON)
std::span<const LinearKernel> Int8LinearsNeonDot() { return kNeonDot; }
#endif

}  // namespace strata::kernels
