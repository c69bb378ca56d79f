// What the W8A8 linears share whatever the instruction set: when they apply, and the packed layout.
#include "kernels/linear_w8a8.h"

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "kernels/kernel_list.h"
#include "kernels/pack_source.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kBlock = 32;  // values of a stored block, which is f32 d and their bytes
constexpr std::int64_t kBlockBytes = 4 + kBlock;

std::string RefusesProblem(const LinearProblem& problem) {
  if (problem.weight_dtype != DType::kW8A8_32) return fmt::format("packs {} only", Info(DType::kW8A8_32).name);
  if (problem.activations == Activations::kExact) return "rounds activations";
  if (problem.k % kBlock != 0) return fmt::format("k = {} is not a multiple of {}", problem.k, kBlock);
  if (problem.k > kMaxW8A8Columns) {
    return fmt::format("k = {} is above {}, up to which sums fit int32", problem.k, kMaxW8A8Columns);
  }
  return "";
}

std::string RefusesRef(const LinearProblem& problem, const CpuFeatures&) { return RefusesProblem(problem); }

std::size_t PackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n) * W8A8PanelLayout(problem.k).bytes);
}

void PackPanel(std::int64_t k, StoredRows& rows, std::int64_t panel, std::byte* out) {
  const W8A8Panel layout = W8A8PanelLayout(k);
  std::memset(out, 0, static_cast<std::size_t>(layout.bytes));
  for (std::int64_t column = 0; column < kPanel; ++column) {
    const auto row = rows.Row(panel, column);
    if (!row) continue;  // a zero scale makes the padding's columns zero
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < k; ++i) {
      const std::byte code = (*row)[static_cast<std::size_t>(i / kBlock * kBlockBytes + 4 + i % kBlock)];
      const auto quant = static_cast<std::int8_t>(code ^ std::byte{0x80});
      out[i / 4 * 4 * kPanel + 4 * column + i % 4] = static_cast<std::byte>(quant);
      sum += quant;
    }
    // May wrap round, as the sums that it corrects.
    const std::uint32_t correction = 0U - static_cast<std::uint32_t>(sum) * 128U;
    std::memcpy(out + layout.scales + 4 * column, row->data(), 4);
    std::memcpy(out + layout.corrections + 4 * column, &correction, 4);
  }
}

void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  StoredRows rows(source);
  const std::int64_t panel_bytes = W8A8PanelLayout(problem.k).bytes;
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    PackPanel(problem.k, rows, panel, packed + panel * panel_bytes);
  }
}

template <std::int64_t kQuantBytes>
std::size_t RowBytes(std::int64_t k) {
  return static_cast<std::size_t>(W8A8RowBytes(kQuantBytes * k));
}

#if defined(STRATA_KERNELS_X86)
std::string RefusesAvx512Vnni(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx512 && cpu.avx512_vnni ? RefusesProblem(problem) : "needs avx512 vnni";
}

std::string RefusesAvx2(const LinearProblem& problem, const CpuFeatures& cpu) {
  return cpu.avx2 ? RefusesProblem(problem) : "needs avx2";
}
#endif

constinit const auto kLinears = std::to_array<LinearKernel>({
#if defined(STRATA_KERNELS_X86)
    {"linear_w8a8_avx512vnni", RefusesAvx512Vnni, PackedBytes, Pack, RowBytes<1>, PrepareW8A8Avx512, RunW8A8Avx512Vnni},
    {"linear_w8a8_avx2", RefusesAvx2, PackedBytes, Pack, RowBytes<2>, PrepareW8A8Avx2, RunW8A8Avx2},
#endif
    {"linear_w8a8_ref", RefusesRef, PackedBytes, Pack, RowBytes<4>, PrepareW8A8Ref, RunW8A8Ref},
});

}  // namespace

std::span<const LinearKernel> W8A8Linears() { return kLinears; }

}  // namespace strata::kernels
