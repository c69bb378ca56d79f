// Inside the kernels only: what attention does to a row's q, k and v before the scores, for every vector instruction
// set: norm and rotation of heads, and the write into the paged cache. Isa is as attention_tile.h has it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

/// Rounded to nearest even, beyond the range to the greatest; a NaN stays one.
inline std::uint16_t RoundBF16(float value) {
  constexpr float kMax = 0x1.fep127f;
  const float clamped = value < -kMax ? -kMax : value > kMax ? kMax : value;
  const auto bits = std::bit_cast<std::uint32_t>(clamped);
  const std::uint32_t rounded = value != value ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(rounded >> 16);
}

/// A position's K of 16-bit values: two dimensions at once, each pair into a line of its own.
template <class T>
void StorePairs(const T* in, std::int64_t dim, T* out) {
#pragma clang loop vectorize(disable)
  for (std::int64_t d = 0; d < dim; d += 2) std::memcpy(out + d * kKvBlock, in + d, 2 * sizeof(T));
}

/// A position's K and V as integers, each with its scale.
template <class Isa, class Int>
void StoreIntegers(const KvLayer& kv, std::int64_t block, std::int64_t head, std::int64_t slot, const float* k,
                   const float* v) {
  constexpr bool kBytes = sizeof(Int) == 1;
  alignas(64) std::int16_t rounded[kMaxHeadDim];
  const std::int64_t dim = kv.head_dim;
  kv.k_scales(block, head)[slot] = Isa::RoundRow(k, dim, kBytes ? kMostI8 : kMostK, kLongestRow, rounded);
  Int* to_k = kv.block_k<Int>(block, head) + 2 * slot;
  if constexpr (kBytes) {
    for (std::int64_t d = 0; d < dim; d += 2) {
      to_k[d * kKvBlock] = static_cast<Int>(rounded[d]);
      to_k[d * kKvBlock + 1] = static_cast<Int>(rounded[d + 1]);
    }
  } else {
    StorePairs(rounded, dim, to_k);
  }
  kv.v_scales(block, head)[slot] = Isa::RoundRow(v, dim, kBytes ? kMostI8 : kMostV, __builtin_inff(), rounded);
  Int* to_v = kv.block_v<Int>(block, head) + slot / 2 * 2 * dim + slot % 2;
  if constexpr (kBytes) {
    for (std::int64_t d = 0; d < dim; ++d) to_v[2 * d] = static_cast<Int>(rounded[d]);
  } else {
    Isa::StoreAlternate(reinterpret_cast<const std::uint16_t*>(rounded), dim, reinterpret_cast<std::uint16_t*>(to_v));
  }
}

template <class Isa>
void RopeStore(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
               std::int64_t row_end) {
  alignas(64) float cosine[kMaxHeadDim / 2];
  alignas(64) float sine[kMaxHeadDim / 2];
  alignas(64) float rotated[kMaxHeadDim];
  alignas(64) std::uint16_t narrow[kMaxHeadDim];
  const std::int64_t group = args.heads / args.kv_heads;
  const std::int64_t dim = args.head_dim;
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t position = sequence.position_begin + r;
    RopeAngles(args.rope.inv_freq, args.rope.rotary_dim / 2, position, args.rope.scale, cosine, sine);
    for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      float* q = args.query(sequence, r, head);
      if (args.q_norm != nullptr) Isa::Norm(q, args.q_norm, args.norm_eps, dim, q);
      Rotate(args.rope, 0, args.rope.rotary_dim / 2, cosine, sine, q, q);
    }
    const float* k = args.k.data + (sequence.row_begin + r) * args.k.stride + kv_head * dim;
    const float* v = args.v.data + (sequence.row_begin + r) * args.v.stride + kv_head * dim;
    if (args.k_norm != nullptr) {
      Isa::Norm(k, args.k_norm, args.norm_eps, dim, rotated);
      k = rotated;
    }
    for (std::int64_t d = args.rope.rotary_dim; d < dim; ++d) rotated[d] = k[d];
    Rotate(args.rope, 0, args.rope.rotary_dim / 2, cosine, sine, k, rotated);
    const std::int32_t block = sequence.block_table[position / kKvBlock];
    const std::int64_t slot = position % kKvBlock;
    if (args.kv.dtype == DType::kF32) {
      float* cache_k = args.kv.block_k<float>(block, kv_head) + slot;
      float* cache_v = args.kv.block_v<float>(block, kv_head) + slot * dim;
      for (std::int64_t d = 0; d < dim; ++d) cache_k[d * kKvBlock] = rotated[d];
      for (std::int64_t d = 0; d < dim; ++d) cache_v[d] = v[d];
    } else if (args.kv.dtype == DType::kF16) {
      auto* cache_k = args.kv.block_k<std::uint16_t>(block, kv_head) + slot;
      Isa::Narrow(rotated, dim, narrow);
      for (std::int64_t d = 0; d < dim; ++d) cache_k[d * kKvBlock] = narrow[d];
      Isa::Narrow(v, dim, args.kv.block_v<std::uint16_t>(block, kv_head) + slot * dim);
    } else if (args.kv.dtype == DType::kI16) {
      StoreIntegers<Isa, std::int16_t>(args.kv, block, kv_head, slot, rotated, v);
    } else if (args.kv.dtype == DType::kI8) {
      StoreIntegers<Isa, std::int8_t>(args.kv, block, kv_head, slot, rotated, v);
    } else {
      auto* cache_k = args.kv.block_k<std::uint16_t>(block, kv_head) + 2 * slot;
      auto* cache_v = args.kv.block_v<std::uint16_t>(block, kv_head) + slot / 2 * 2 * dim + slot % 2;
      for (std::int64_t d = 0; d < dim; ++d) narrow[d] = RoundBF16(rotated[d]);
      StorePairs(narrow, dim, cache_k);
      for (std::int64_t d = 0; d < dim; ++d) narrow[d] = RoundBF16(v[d]);
      Isa::StoreAlternate(narrow, dim, cache_v);
      // A weight of zero must find a number there; the row after this one, if the step has it, writes its own.
      if (slot % 2 == 0 && r + 1 == sequence.row_count) {
        for (std::int64_t d = 0; d < dim; ++d) cache_v[2 * d + 1] = 0;
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernels
