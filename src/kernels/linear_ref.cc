// The oracle: weights as f32 panels [k][16], activations as f32 rows, one sum per element in the order of k.
#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>

#include "kernels/kernel_list.h"
#include "kernels/pack_source.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// A multiple of every format's block, so that a row is unpacked piece by piece without an allocation.
constexpr std::int64_t kChunk = 256;

std::string Refuses(const LinearProblem&, const CpuFeatures&) { return ""; }

std::size_t PanelBytes(std::int64_t k) { return static_cast<std::size_t>(k * kPanel) * sizeof(float); }

std::size_t PackedBytes(const LinearProblem& problem) {
  return static_cast<std::size_t>(Panels(problem.n)) * PanelBytes(problem.k);
}

void Pack(const LinearProblem& problem, const PackSource& source, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* packed) {
  std::array<float, kChunk> values;
  StoredRows rows(source);
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    auto* out = reinterpret_cast<float*>(packed + static_cast<std::size_t>(panel) * PanelBytes(problem.k));
    for (std::int64_t column = 0; column < kPanel; ++column) {
      const auto row = rows.Row(panel, column);
      for (std::int64_t k0 = 0; k0 < problem.k; k0 += kChunk) {
        const auto count = static_cast<std::size_t>(std::min(kChunk, problem.k - k0));
        const std::span<float> chunk(values.data(), count);
        std::fill(chunk.begin(), chunk.end(), 0.0f);
        if (row) {
          const std::size_t offset = BytesOf(problem.weight_dtype, static_cast<std::size_t>(k0));
          const Status status =
              Dequantize(problem.weight_dtype, row->subspan(offset, BytesOf(problem.weight_dtype, count)), chunk);
          assert(status.has_value() && "the graph admits only float weights");
          static_cast<void>(status);
        }
        for (std::size_t i = 0; i < count; ++i) out[(k0 + static_cast<std::int64_t>(i)) * kPanel + column] = values[i];
      }
    }
  }
}

std::size_t PreparedRowBytes(std::int64_t k) { return (static_cast<std::size_t>(k) * sizeof(float) + 63) / 64 * 64; }

void Prepare(const PrepareArgs& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    auto* row = reinterpret_cast<float*>(args.out + static_cast<std::size_t>(r) * PreparedRowBytes(args.k));
    if (args.norm_weight != nullptr) {
      kRowsRef.rms_norm(in, args.norm_weight, args.norm_eps, args.k, row);
    } else {
      std::memcpy(row, in, static_cast<std::size_t>(args.k) * sizeof(float));
    }
  }
}

void Run(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  constexpr std::int64_t kMaxParts = 2 * Epilogue::kMaxExtras;
  const std::int64_t parts = args.epilogue->parts;
  assert(parts <= kMaxParts);
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += parts) {
    for (std::int64_t r = 0; r < args.rows; ++r) {
      const auto* x =
          reinterpret_cast<const float*>(args.activations + static_cast<std::size_t>(r) * PreparedRowBytes(args.k));
      float acc[kMaxParts * kPanel] = {};
      for (std::int64_t part = 0; part < parts; ++part) {
        const auto* w =
            reinterpret_cast<const float*>(args.weights + static_cast<std::size_t>(panel0 + part) * PanelBytes(args.k));
        float* sum = acc + part * kPanel;
        for (std::int64_t k = 0; k < args.k; ++k) {
          for (std::int64_t c = 0; c < kPanel; ++c) sum[c] += x[k] * w[k * kPanel + c];
        }
      }
      ApplyEpilogue(*args.epilogue, acc, parts * kPanel, r, 1, panel0, parts);
    }
  }
}

}  // namespace

const LinearKernel kLinearRef = {"linear_ref", Refuses, PackedBytes, Pack, PreparedRowBytes, Prepare, Run};

}  // namespace strata::kernels
