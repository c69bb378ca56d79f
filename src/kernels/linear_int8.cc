// What the int8 linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_int8.h"

#include <array>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "kernels/group_unpack.h"
#include "kernels/kernel_list.h"
#include "kernels/pack_source.h"

namespace strata::kernels {
namespace {

std::string RefusesProblem(DType type, std::optional<Activations> activations, const LinearProblem& problem) {
  if (problem.weight_dtype != type) return fmt::format("packs {} only", Info(type).name);
  if (problem.activations == Activations::kExact) return "rounds activations";
  if (activations && problem.activations != *activations) {
    return fmt::format("rounds activations to {}", *activations == Activations::kInt8 ? "int8" : "int16");
  }
  if (problem.k % kGroup != 0) return fmt::format("k = {} is not a multiple of {}", problem.k, kGroup);
  return "";
}

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
std::string RefusesAmx(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  return RefusesProblem(kType, std::nullopt, problem);
}

constexpr int PlanesOf(Activations activations) { return activations == Activations::kInt16 ? 2 : 1; }

template <Int8Format kFormat>
std::size_t PackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n) * PanelLayout(kFormat, problem.k).bytes);
}

void PutQuants(bool nibbles, const std::uint8_t* quants, std::int64_t column, std::uint8_t* group) {
  if (nibbles) {
    for (int j = 0; j < 4; ++j) {
      for (int i = 0; i < 4; ++i) {
        group[64 * j + 4 * column + i] = static_cast<std::uint8_t>(quants[4 * j + i] | quants[4 * j + 16 + i] << 4);
      }
    }
  } else {
    for (int j = 0; j < 8; ++j) std::memcpy(group + 64 * j + 4 * column, quants + 4 * j, 4);
  }
}

template <Int8Format kFormat>
void PackPanel(const LinearProblem& problem, const PackSource& source, std::int64_t panel, std::byte* out) {
  const Int8Panel layout = PanelLayout(kFormat, problem.k);
  std::memset(out, 0, static_cast<std::size_t>(layout.bytes));
  for (std::int64_t column = 0; column < kPanel; ++column) {
    const auto row = StoredRow(source, panel, column);
    if (!row) continue;  // zero scales make the padding's columns zero
    for (std::int64_t g = 0; g < problem.k / kGroup; ++g) {
      UnpackedGroup group{};
      UnpackGroup(problem.weight_dtype, row->data(), g, group);
      PutQuants(kFormat.nibbles, group.quants, column, reinterpret_cast<std::uint8_t*>(out) + g * layout.quant_bytes);
      std::byte* scales = out + layout.scales + g * layout.scale_bytes;
      std::byte* mins = out + layout.mins + g * layout.scale_bytes;
      if (!kFormat.wide_scales) {
        std::memcpy(scales + 2 * column, &group.scale_f16, 2);
        if (kFormat.stored_min) std::memcpy(mins + 2 * column, &group.min_f16, 2);
        continue;
      }
      for (int half = 0; half < kFormat.halves; ++half) {
        const std::int64_t at = 4 * (half * kPanel + column);
        std::memcpy(scales + at, &group.scale[half], 4);
        if (kFormat.stored_min) std::memcpy(mins + at, &group.min[half], 4);
      }
    }
  }
}

template <Int8Format kFormat>
void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    PackPanel<kFormat>(problem, source, panel, packed + panel * PanelLayout(kFormat, problem.k).bytes);
  }
}

template <int kPlanes>
std::size_t PreparedRowBytes(std::int64_t k) {
  return static_cast<std::size_t>(Int8RowBytes(kPlanes, k));
}

template <DType kType, Int8Format kFormat, Activations kActivations, ManyRowsBy kManyRows>
constexpr LinearKernel Avx512Vnni(std::string_view name) {
  constexpr int kPlanes = PlanesOf(kActivations);
  return {name,
          RefusesAvx512Vnni<kType, kActivations, kManyRows>,
          PackedBytes<kFormat>,
          Pack<kFormat>,
          PreparedRowBytes<kPlanes>,
          PrepareInt8Avx512<kPlanes, kManyRows>,
          RunInt8Avx512Vnni<kFormat, kPlanes, kManyRows>};
}

template <DType kType, Int8Format kFormat, Activations kActivations>
constexpr LinearKernel Avx2(std::string_view name) {
  constexpr int kPlanes = PlanesOf(kActivations);
  return {name,
          RefusesAvx2<kType, kActivations>,
          PackedBytes<kFormat>,
          Pack<kFormat>,
          PreparedRowBytes<kPlanes>,
          PrepareInt8Avx2<kPlanes>,
          RunInt8Avx2<kFormat, kPlanes>};
}

template <DType kType, Int8Format kFormat>
constexpr LinearKernel Amx(std::string_view name) {
  return {name,
          RefusesAmx<kType>,
          PackedBytes<kFormat>,
          Pack<kFormat>,
          [](std::int64_t k) { return static_cast<std::size_t>(BF16RowBytes(k)); },
          PrepareBF16Amx,
          RunBF16Amx<kFormat>};
}

using enum DType;
using enum Activations;
using enum ManyRowsBy;

// In the order in which they are tried: what suits the processor best, then the most exact activations.
#define STRATA_STRIPS_INT16(name, lower) \
  Avx512Vnni<k##name, kFormat##name, kInt16, kStrips>("linear_" #lower "_int16_avx512vnni_strips"),
#define STRATA_STRIPS_INT8(name, lower) \
  Avx512Vnni<k##name, kFormat##name, kInt8, kStrips>("linear_" #lower "_int8_avx512vnni_strips"),
#define STRATA_TILES_INT16(name, lower) \
  Avx512Vnni<k##name, kFormat##name, kInt16, kTiles>("linear_" #lower "_int16_avx512vnni"),
#define STRATA_TILES_INT8(name, lower) \
  Avx512Vnni<k##name, kFormat##name, kInt8, kTiles>("linear_" #lower "_int8_avx512vnni"),
#define STRATA_AVX2_INT16(name, lower) Avx2<k##name, kFormat##name, kInt16>("linear_" #lower "_int16_avx2"),
#define STRATA_AVX2_INT8(name, lower) Avx2<k##name, kFormat##name, kInt8>("linear_" #lower "_int8_avx2"),
#define STRATA_AMX(name, lower) Amx<k##name, kFormat##name>("linear_" #lower "_bf16_amx"),

constinit const auto kAvx512Vnni =
    std::to_array<LinearKernel>({STRATA_INT8_FORMATS(STRATA_STRIPS_INT16) STRATA_INT8_FORMATS(STRATA_STRIPS_INT8)
                                     STRATA_INT8_FORMATS(STRATA_TILES_INT16) STRATA_INT8_FORMATS(STRATA_TILES_INT8)});
constinit const auto kAvx2 =
    std::to_array<LinearKernel>({STRATA_INT8_FORMATS(STRATA_AVX2_INT16) STRATA_INT8_FORMATS(STRATA_AVX2_INT8)});
constinit const auto kAmx = std::to_array<LinearKernel>({STRATA_INT8_FORMATS(STRATA_AMX)});

}  // namespace

std::span<const LinearKernel> Int8LinearsAvx512Vnni() { return kAvx512Vnni; }
std::span<const LinearKernel> Int8LinearsAvx2() { return kAvx2; }
std::span<const LinearKernel> BF16LinearsAmx() { return kAmx; }

}  // namespace strata::kernels
