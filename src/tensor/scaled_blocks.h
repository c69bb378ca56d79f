// Strata's own blocks: what Hugging Face's quantised checkpoints keep in several tensors (integers, scales, zero
// points), put together for one row of a weight, so that the kernels need not know where a scheme keeps what.
// Little-endian, fields in order:
//
//   u4_32, u4_128   f32 d; i32 zero; for each 32 values 16 bytes of nibbles (value i low, i + 16 high): d (q - zero)
//   u8_32, u8_128   f32 d; i32 zero; a byte a value: d (q - zero)
//   f8_32, f8_128   f32 d; a float8 e4m3fn a value: d times it, rounded to f32
//   nf4_64          f32 d; 32 bytes of nibbles (value 2i low, 2i + 1 high): d times kNF4[code], rounded to f32
//   w8a8_32         f32 d; a byte a value: d (q - 128)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/dtype.h"

namespace strata {

/// "4-bit NormalFloat" (Dettmers et al. 2023, QLoRA, appendix E): quantiles of a normal distribution, scaled to [-1,
/// 1].
extern const float kNF4[16];

/// The head of a u4 or u8 block.
struct IntegerBlock {
  float scale;
  std::int32_t zero;
};

/// Writes one block. Its codes: 0..15 (u4, nf4), bytes (u8, w8a8) or float8 bits (f8), as many as a block has values.
void EncodeScaledBlock(DType type, const IntegerBlock& head, std::span<const std::uint8_t> codes, std::uint8_t* block);
/// One block's values.
void DecodeScaledBlock(DType type, const std::uint8_t* block, float* values);

/// Group g (of 32) of a stored row of u4 or u8: its codes and its block's head.
IntegerBlock UnpackIntegers(DType type, const std::byte* row, std::int64_t g, std::uint8_t* codes);

}  // namespace strata
