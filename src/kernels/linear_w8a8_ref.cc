// W8A8 linears without vectors: what the others are held to, bit by bit.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "kernels/kernel_list.h"
#include "kernels/linear_w8a8.h"

namespace strata::kernels {

void PrepareW8A8Ref(const PrepareArgs& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    auto* row = reinterpret_cast<float*>(args.out + r * W8A8RowBytes(4 * args.k));
    if (args.norm_weight != nullptr) {
      kRowsRef.rms_norm(in, args.norm_weight, args.norm_eps, args.k, row);
    } else {
      std::memcpy(row, in, static_cast<std::size_t>(args.k) * sizeof(float));
    }
    float max = 0;
    for (std::int64_t i = 0; i < args.k; ++i) max = std::max(max, std::fabs(row[i]));
    const float scale = max / kW8A8Range;
    for (std::int64_t i = 0; i < args.k; ++i) {
      // Half to even: nobody changes the mode in which nearbyint rounds.
      row[i] = scale > kTinyW8A8Scale ? std::clamp(std::nearbyint(row[i] / scale), -128.0F, 127.0F) : 0;
    }
    row[args.k] = scale;
  }
}

void RunW8A8Ref(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  constexpr std::int64_t kMaxParts = 2 * Epilogue::kMaxExtras;
  const W8A8Panel layout = W8A8PanelLayout(args.k);
  const std::int64_t parts = args.epilogue->parts;
  assert(parts <= kMaxParts);
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += parts) {
    for (std::int64_t r = 0; r < args.rows; ++r) {
      const auto* quants = reinterpret_cast<const float*>(args.activations + r * W8A8RowBytes(4 * args.k));
      float acc[kMaxParts * kPanel];
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::byte* panel = args.weights + (panel0 + part) * layout.bytes;
        const auto* weights = reinterpret_cast<const std::int8_t*>(panel);
        const auto* scales = reinterpret_cast<const float*>(panel + layout.scales);
        std::int32_t sums[kPanel] = {};
        for (std::int64_t k = 0; k < args.k; ++k) {
          const auto quant = static_cast<std::int32_t>(quants[k]);
          const std::int8_t* at = weights + k / 4 * 4 * kPanel + k % 4;
          for (std::int64_t c = 0; c < kPanel; ++c) sums[c] += at[4 * c] * quant;
        }
        for (std::int64_t c = 0; c < kPanel; ++c) {
          acc[part * kPanel + c] = static_cast<float>(sums[c]) * (scales[c] * quants[args.k]);
        }
      }
      ApplyEpilogue(*args.epilogue, acc, parts * kPanel, r, 1, panel0, parts);
    }
  }
}

}  // namespace strata::kernels
