// Inside the kernels only: linears of int8 weights with few scales: one a column and one a token (W8A8 of
// compressed-tensors: strategies "channel" and "token"), or one for every kInputGroup inputs and, of each column, for
// every three times as many weights (Activations::kInt8Columns, for weights of any type, which are rounded as they are
// packed).
//
// A panel of 16 columns:
//   quants  [k / 4][16][4] uint8, 128 too large: a quad is four successive k, as vpdpbusd wants them
//   scales  [groups of weights][16] f32
// A prepared row is k quants, then for each group of inputs its f32 scale and an int32, minus 128 times the sum of its
// quants: what the weights, which are 128 too large, add too much. It is padded to 64 bytes. Quants are int8 for
// AVX-512 and NEON, int16 for AVX2, f32 for ref.
//
//   scale_g = max |x| / 127.5     q = x / scale_g, rounded half to even, held to -128..127
//   y = sum over w of scale_cw (sum over g in w of scale_g (sum over g of q_w q))
//
// which with one group is what compressed-tensors 0.20 computes (calculate_qparams and quantize of a symmetric dynamic
// scheme), but that it adds the products as floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {

// Sums of so many products of int8 fit int32: each is 2^14 at most. Sums on the way may wrap round.
inline constexpr std::int64_t kMaxW8A8Columns = (1 << 17) - 1;
/// Of kInt8Columns: the scales of inputs, a multiply-add for each 16 products, take little, and perplexity is that of
/// groups of 32 (docs/performance.md).
inline constexpr std::int64_t kInputGroup = 64;
/// So many of these groups meet the same scale of weights. With one for a whole column its outliers coarsen all of it:
/// of three texts' perplexity (SmolLM2, Q4_1) that added 1.0, 0.7 and 1.4 %, this adds 0.7, 0.4 and 0.4 %.
inline constexpr std::int64_t kInputGroupsOfWeights = 3;
inline constexpr float kW8A8Range = 127.5F;  ///< half of what lies between -128 and 127
// Rows without a greater value are zero: below it 1 / scale may overflow.
inline constexpr float kTinyW8A8Scale = 1e-30F;
// A quotient is rounded from a product with 1 / scale where that is farther from a half than the two can differ.
inline constexpr float kSurelyRounded = 0.4999F;

namespace {

/// kGroup inputs have a scale, 0: all of a row's. The last group may be shorter.
template <std::int64_t kGroup>
constexpr std::int64_t GroupSize(std::int64_t k) {
  return kGroup == 0 ? k : kGroup;
}
/// So of weights.
template <std::int64_t kGroup>
constexpr std::int64_t WeightGroupSize(std::int64_t k) {
  return kGroup == 0 ? k : kInputGroupsOfWeights * kGroup;
}
/// Whether the group of inputs that ends there is the last of its group of weights.
template <std::int64_t kGroup>
constexpr bool EndsWeightGroup(std::int64_t end, std::int64_t k) {
  return end == k || end % WeightGroupSize<kGroup>(k) == 0;
}

struct W8A8Panel {
  std::int64_t scales, bytes;
};
template <std::int64_t kGroup>
constexpr W8A8Panel W8A8PanelLayout(std::int64_t k) {
  const std::int64_t groups = (k + WeightGroupSize<kGroup>(k) - 1) / WeightGroupSize<kGroup>(k);
  return {kPanel * k, kPanel * (k + groups * static_cast<std::int64_t>(sizeof(float)))};
}

struct GroupScale {
  float scale;
  std::int32_t correction;
};
/// Of a prepared row with quants of so many bytes.
template <std::int64_t kGroup, std::int64_t kQuantBytes>
constexpr std::int64_t W8A8RowBytes(std::int64_t k) {
  const std::int64_t groups = (k + GroupSize<kGroup>(k) - 1) / GroupSize<kGroup>(k);
  return (kQuantBytes * k + groups * static_cast<std::int64_t>(sizeof(GroupScale)) + 63) / 64 * 64;
}

}  // namespace

template <std::int64_t kGroup>
void PrepareW8A8Avx512(const PrepareArgs& args);
template <std::int64_t kGroup>
void RunW8A8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
/// On AMX, of prepared rows as for AVX-512, for k that is a multiple of 64; the same bits.
template <std::int64_t kGroup>
void RunW8A8Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
template <std::int64_t kGroup>
void PrepareW8A8Avx2(const PrepareArgs& args);
template <std::int64_t kGroup>
void RunW8A8Avx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
template <std::int64_t kGroup>
void PrepareW8A8NeonDot(const PrepareArgs& args);
template <std::int64_t kGroup>
void RunW8A8NeonDot(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
template <std::int64_t kGroup>
void PrepareW8A8Ref(const PrepareArgs& args);
template <std::int64_t kGroup>
void RunW8A8Ref(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
