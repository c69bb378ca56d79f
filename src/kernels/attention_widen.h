// Inside the kernels only: blocks of the paged cache as the loops of attention_tile.h multiply them, where they are not
// stored so. Isa is as there.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

enum class Pair : std::uint32_t {};      ///< of bf16 or 16-bit integers, the first in the lower half
enum class BytePair : std::uint16_t {};  ///< of 8-bit integers

/// Rows 2i and 2i + 1 of out, [width] each, are the first and the second of row i of the pairs of bf16.
inline void WidenBF16(const std::uint16_t* pairs, std::int64_t rows, std::int64_t width, float* out) {
  for (std::int64_t r = 0; r < rows; ++r, pairs += 2 * width, out += 2 * width) {
    for (std::int64_t i = 0; i < width; ++i) {
      out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(pairs[2 * i]) << 16);
      out[width + i] = std::bit_cast<float>(static_cast<std::uint32_t>(pairs[2 * i + 1]) << 16);
    }
  }
}

/// The same of integers in a block of K, whose columns are positions.
template <class Int>
void WidenKeys(const Int* pairs, const float* scales, std::int64_t head_dim, float* out) {
  for (std::int64_t r = 0; r < head_dim / 2; ++r, pairs += 2 * kKvBlock, out += 2 * kKvBlock) {
    for (std::int64_t i = 0; i < kKvBlock; ++i) {
      out[i] = static_cast<float>(pairs[2 * i]) * scales[i];
      out[kKvBlock + i] = static_cast<float>(pairs[2 * i + 1]) * scales[i];
    }
  }
}

/// In a block of V, whose rows are positions.
template <class Int>
void WidenValues(const Int* pairs, const float* scales, std::int64_t tokens, std::int64_t head_dim, float* out) {
  for (std::int64_t t = 0; t < tokens; ++t, out += head_dim) {
    const Int* row = pairs + t / 2 * 2 * head_dim + t % 2;
    for (std::int64_t d = 0; d < head_dim; ++d) out[d] = static_cast<float>(row[2 * d]) * scales[t];
  }
}

/// One block as floats, K [head_dim][kKvBlock] and V [kKvBlock][head_dim]; of V only `tokens` positions: what is behind
/// the last was never written.
template <class Isa>
void WidenBlock(const KvLayer& kv, std::int32_t block, std::int64_t head, std::int64_t tokens, float* k, float* v) {
  const std::int64_t dim = kv.head_dim;
  const auto integers = [&]<class Int>() {
    WidenKeys(kv.block_k<Int>(block, head), kv.k_scales(block, head), dim, k);
    WidenValues(kv.block_v<Int>(block, head), kv.v_scales(block, head), tokens, dim, v);
  };
  if (kv.dtype == DType::kI8) return integers.template operator()<std::int8_t>();
  if (kv.dtype == DType::kI16) return integers.template operator()<std::int16_t>();
  const auto* stored_k = kv.block_k<std::uint16_t>(block, head);
  const auto* stored_v = kv.block_v<std::uint16_t>(block, head);
  if (kv.dtype == DType::kF16) {
    Isa::Widen(stored_k, kKvBlock * dim, k);
    Isa::Widen(stored_v, tokens * dim, v);
  } else {
    WidenBF16(stored_k, dim / 2, kKvBlock, k);
    WidenBF16(stored_v, (tokens + 1) / 2, dim, v);
  }
}

/// One block of 8-bit integers as pairs of 16 bits, in the same places.
template <class Isa>
void WidenBlock(const KvLayer& kv, std::int32_t block, std::int64_t head, std::int64_t tokens, Pair* k, Pair* v) {
  const auto* stored_k = kv.block_k<std::int8_t>(block, head);
  const auto* stored_v = kv.block_v<std::int8_t>(block, head);
  auto* wide_k = reinterpret_cast<std::int16_t*>(k);
  auto* wide_v = reinterpret_cast<std::int16_t*>(v);
  // NOLINTBEGIN(bugprone-signed-char-misuse): numbers, no characters
  for (std::int64_t i = 0; i < kKvBlock * kv.head_dim; ++i) wide_k[i] = stored_k[i];
  for (std::int64_t i = 0; i < (tokens + 1) / 2 * 2 * kv.head_dim; ++i) wide_v[i] = stored_v[i];
  // NOLINTEND(bugprone-signed-char-misuse)
}

}  // namespace
}  // namespace strata::kernels
