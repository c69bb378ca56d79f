// What the W8A8 linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_w8a8.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "kernels/kernel_list.h"
#include "kernels/pack_source.h"
#include "kernels/tile_config.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kBlock = 32;  // values of a stored block, which is f32 d and their bytes
constexpr std::int64_t kBlockBytes = 4 + kBlock;

template <std::int64_t kGroup>
std::string RefusesProblem(const LinearProblem& problem) {
  const bool by_column = problem.weight_dtype == DType::kW8A8_32;
  if (kGroup == 0 && !by_column) return fmt::format("packs {} only", Info(DType::kW8A8_32).name);
  if (kGroup != 0 && by_column) return fmt::format("{} has one scale a token", Info(DType::kW8A8_32).name);
  if (problem.activations == Activations::kExact) return "rounds activations";
  if (kGroup != 0 && problem.activations != Activations::kInt8Columns) return "rounds weights once more";
  if (problem.k % kBlock != 0) return fmt::format("k = {} is not a multiple of {}", problem.k, kBlock);
  if (problem.k > kMaxW8A8Columns) {
    return fmt::format("k = {} is above {}, up to which sums fit int32", problem.k, kMaxW8A8Columns);
  }
  return "";
}

template <std::int64_t kGroup>
std::string RefusesRef(const LinearProblem& problem, const CpuFeatures&) {
  return RefusesProblem<kGroup>(problem);
}

template <std::int64_t kGroup>
std::size_t PackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n) * W8A8PanelLayout<kGroup>(problem.k).bytes);
}

/// A stored column's quants, as int8; returns its scale.
float ReadColumn(std::span<const std::byte> stored, std::span<std::int8_t> quants) {
  float scale;
  std::memcpy(&scale, stored.data(), sizeof scale);
  for (std::size_t i = 0; i < quants.size(); ++i) {
    const std::byte code = stored[i / kBlock * kBlockBytes + 4 + i % kBlock];
    quants[i] = static_cast<std::int8_t>(code ^ std::byte{0x80});
  }
  return scale;
}

/// Weights rounded to nearest, the greatest of them to 127; returns their scale, of which what is not finite makes NaN.
float RoundWeights(std::span<const float> values, std::span<std::int8_t> quants) {
  // As integers magnitudes have the order that they have as floats, and what is not finite is above all others.
  constexpr std::int32_t kInfinity = 0x7f800000;
  std::int32_t greatest = 0;
  for (const float value : values) greatest = std::max(greatest, std::bit_cast<std::int32_t>(value) & 0x7fffffff);
  const float scale =
      greatest < kInfinity ? std::bit_cast<float>(greatest) / 127 : std::numeric_limits<float>::quiet_NaN();
  const float inverse = scale > kTinyW8A8Scale ? 1 / scale : 0;
  if (inverse == 0) {
    std::ranges::fill(quants, std::int8_t{0});
    return scale;
  }
  constexpr float kRound = 12582912;  // 1.5 * 2^23: a sum with it is an integer, rounded half to even
  for (std::size_t i = 0; i < values.size(); ++i) {
    quants[i] = static_cast<std::int8_t>(static_cast<std::int32_t>((values[i] * inverse + kRound) - kRound));
  }
  return scale;
}

template <std::int64_t kGroup>
void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  StoredRows rows(source);
  const W8A8Panel layout = W8A8PanelLayout<kGroup>(problem.k);
  const auto k = static_cast<std::size_t>(problem.k);
  const auto group = static_cast<std::size_t>(WeightGroupSize<kGroup>(problem.k));
  std::vector<std::int8_t> quants(k);
  std::vector<float> values(kGroup == 0 ? 0 : k);
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    std::byte* const out = packed + panel * layout.bytes;
    std::memset(out, 0, static_cast<std::size_t>(layout.bytes));
    for (std::int64_t c = 0; c < kPanel; ++c) {
      const auto row = rows.Row(panel, c);
      if (!row) continue;  // a zero scale makes the padding's columns zero
      const bool readable = kGroup == 0 || Dequantize(problem.weight_dtype, *row, values).has_value();
      std::byte* scale_at = out + layout.scales + 4 * c;
      for (std::size_t begin = 0; begin < k; begin += group, scale_at += 4 * kPanel) {
        const std::size_t count = std::min(group, k - begin);
        const std::span<std::int8_t> rounded = std::span(quants).subspan(begin, count);
        float scale = std::numeric_limits<float>::quiet_NaN();
        if constexpr (kGroup == 0) {
          scale = ReadColumn(*row, rounded);
        } else if (readable) {
          scale = RoundWeights(std::span(values).subspan(begin, count), rounded);
        }
        std::memcpy(scale_at, &scale, sizeof scale);
      }
      for (std::int64_t i = 0; i < problem.k; i += 4) {
        std::uint32_t quad;
        std::memcpy(&quad, quants.data() + i, sizeof quad);
        quad ^= 0x80808080;
        std::memcpy(out + i * kPanel + 4 * c, &quad, sizeof quad);
      }
    }
  }
}

template <std::int64_t kGroup, std::int64_t kQuantBytes>
std::size_t RowBytes(std::int64_t k) {
  return static_cast<std::size_t>(W8A8RowBytes<kGroup, kQuantBytes>(k));
}

#if defined(STRATA_KERNELS_X86)
template <std::int64_t kGroup>
std::string RefusesAvx512Vnni(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx512 && cpu.avx512_vnni ? RefusesProblem<kGroup>(problem) : "needs avx512 vnni";
}

template <std::int64_t kGroup>
std::string RefusesAmx(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  if (problem.k % kTileBytes != 0) return fmt::format("k = {} is not a multiple of {}", problem.k, kTileBytes);
  return RefusesProblem<kGroup>(problem);
}

template <std::int64_t kGroup>
std::string RefusesAvx2(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx2 ? RefusesProblem<kGroup>(problem) : "needs avx2";
}
#elif defined(STRATA_KERNELS_NEON)
template <std::int64_t kGroup>
std::string RefusesNeonDot(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.neon_dotprod ? RefusesProblem<kGroup>(problem) : "needs neon dotprod";
}
#endif

constinit const auto kLinears = std::to_array<LinearKernel>({
#if defined(STRATA_KERNELS_X86)
    {"linear_w8a8_amx", RefusesAmx<0>, PackedBytes<0>, Pack<0>, RowBytes<0, 1>, PrepareW8A8Avx512<0>, RunW8A8Amx<0>,
     kTileRows},
    {"linear_w8a8_avx512vnni", RefusesAvx512Vnni<0>, PackedBytes<0>, Pack<0>, RowBytes<0, 1>, PrepareW8A8Avx512<0>,
     RunW8A8Avx512Vnni<0>},
    {"linear_w8a8_avx2", RefusesAvx2<0>, PackedBytes<0>, Pack<0>, RowBytes<0, 2>, PrepareW8A8Avx2<0>, RunW8A8Avx2<0>},
#elif defined(STRATA_KERNELS_NEON)
    {"linear_w8a8_neondot", RefusesNeonDot<0>, PackedBytes<0>, Pack<0>, RowBytes<0, 1>, PrepareW8A8NeonDot<0>,
     RunW8A8NeonDot<0>},
#endif
    {"linear_w8a8_ref", RefusesRef<0>, PackedBytes<0>, Pack<0>, RowBytes<0, 4>, PrepareW8A8Ref<0>, RunW8A8Ref<0>},
#if defined(STRATA_KERNELS_X86)
    {"linear_int8_columns_amx", RefusesAmx<kInputGroup>, PackedBytes<kInputGroup>, Pack<kInputGroup>,
     RowBytes<kInputGroup, 1>, PrepareW8A8Avx512<kInputGroup>, RunW8A8Amx<kInputGroup>, kTileRows},
    {"linear_int8_columns_avx512vnni", RefusesAvx512Vnni<kInputGroup>, PackedBytes<kInputGroup>, Pack<kInputGroup>,
     RowBytes<kInputGroup, 1>, PrepareW8A8Avx512<kInputGroup>, RunW8A8Avx512Vnni<kInputGroup>},
    {"linear_int8_columns_avx2", RefusesAvx2<kInputGroup>, PackedBytes<kInputGroup>, Pack<kInputGroup>,
     RowBytes<kInputGroup, 2>, PrepareW8A8Avx2<kInputGroup>, RunW8A8Avx2<kInputGroup>},
#elif defined(STRATA_KERNELS_NEON)
    {"linear_int8_columns_neondot", RefusesNeonDot<kInputGroup>, PackedBytes<kInputGroup>, Pack<kInputGroup>,
     RowBytes<kInputGroup, 1>, PrepareW8A8NeonDot<kInputGroup>, RunW8A8NeonDot<kInputGroup>},
#endif
    {"linear_int8_columns_ref", RefusesRef<kInputGroup>, PackedBytes<kInputGroup>, Pack<kInputGroup>,
     RowBytes<kInputGroup, 4>, PrepareW8A8Ref<kInputGroup>, RunW8A8Ref<kInputGroup>},
});

}  // namespace

std::span<const LinearKernel> W8A8Linears() { return kLinears; }

}  // namespace strata::kernels
