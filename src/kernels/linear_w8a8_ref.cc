// W8A8 linears without vectors: what the others are held to, bit by bit.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <span>

#include "kernels/kernel_list.h"
#include "kernels/linear_w8a8.h"

namespace strata::kernels {

template <std::int64_t kGroup>
void PrepareW8A8Ref(const PrepareArgs& args) {
  const std::int64_t group = GroupSize<kGroup>(args.k);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    auto* row = reinterpret_cast<float*>(args.out + r * W8A8RowBytes<kGroup, 4>(args.k));
    auto* scales = reinterpret_cast<GroupScale*>(row + args.k);
    if (args.norm_weight != nullptr) {
      kRowsRef.rms_norm(in, args.norm_weight, args.norm_eps, args.k, row);
    } else {
      std::memcpy(row, in, static_cast<std::size_t>(args.k) * sizeof(float));
    }
    for (std::int64_t begin = 0; begin < args.k; begin += group, ++scales) {
      const std::span<float> values(row + begin, static_cast<std::size_t>(std::min(group, args.k - begin)));
      float max = 0;
      for (const float value : values) max = std::max(max, std::fabs(value));
      const float scale = max / kW8A8Range;
      for (float& value : values) {
        // Half to even: nobody changes the mode in which nearbyint rounds.
        value = scale > kTinyW8A8Scale ? std::clamp(std::nearbyint(value / scale), -128.0F, 127.0F) : 0;
      }
      *scales = {scale, 0};
    }
  }
}

template <std::int64_t kGroup>
void RunW8A8Ref(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  constexpr std::int64_t kMaxParts = 2 * Epilogue::kMaxExtras;
  const W8A8Panel layout = W8A8PanelLayout<kGroup>(args.k);
  const std::int64_t parts = args.epilogue->parts, group = GroupSize<kGroup>(args.k);
  const std::int64_t weight_group = WeightGroupSize<kGroup>(args.k);
  assert(parts <= kMaxParts);
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += parts) {
    for (std::int64_t r = 0; r < args.rows; ++r) {
      const auto* quants = reinterpret_cast<const float*>(args.activations + r * W8A8RowBytes<kGroup, 4>(args.k));
      const auto* input_scales = reinterpret_cast<const GroupScale*>(quants + args.k);
      float acc[kMaxParts * kPanel] = {};
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::byte* panel = args.weights + (panel0 + part) * layout.bytes;
        const auto* weights = reinterpret_cast<const std::uint8_t*>(panel);
        const auto* scales = reinterpret_cast<const float*>(panel + layout.scales);
        float* const sums = acc + part * kPanel;
        for (std::int64_t from = 0; from < args.k; from += weight_group, scales += kPanel) {
          float scaled[kPanel] = {};
          for (std::int64_t begin = from; begin < std::min(from + weight_group, args.k); begin += group) {
            std::int32_t dots[kPanel] = {};
            for (std::int64_t k = begin; k < std::min(begin + group, args.k); ++k) {
              const auto quant = static_cast<std::int32_t>(quants[k]);
              const std::uint8_t* at = weights + k / 4 * 4 * kPanel + k % 4;
              for (std::int64_t c = 0; c < kPanel; ++c) dots[c] += (at[4 * c] - 128) * quant;
            }
            const float scale = input_scales[begin / group].scale;
            for (std::int64_t c = 0; c < kPanel; ++c)
              scaled[c] = std::fma(static_cast<float>(dots[c]), scale, scaled[c]);
          }
          for (std::int64_t c = 0; c < kPanel; ++c) sums[c] = std::fma(scaled[c], scales[c], sums[c]);
        }
      }
      ApplyEpilogue(*args.epilogue, acc, parts * kPanel, r, 1, panel0, parts);
    }
  }
}

template void PrepareW8A8Ref<0>(const PrepareArgs&);
template void PrepareW8A8Ref<kInputGroup>(const PrepareArgs&);
template void RunW8A8Ref<0>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunW8A8Ref<kInputGroup>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
