// Inside formats: rows of quantised weights, made from the parts in which Hugging Face checkpoints keep them. Exact:
// the integers, scales and zero points become strata's own blocks (tensor/scaled_blocks.h), or f32 where blocks cannot
// hold them (rows that are no whole blocks, groups in another order than the columns').
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/tensor_view.h"

namespace strata {

/// Small unsigned integers of a matrix [n, k], packed into words (or one a byte).
struct PackedIntegers {
  std::span<const std::byte> data;
  int bits = 8;                             ///< 2, 4 or 8
  int word_bytes = 4;                       ///< 4, or 1: a value a byte
  std::int64_t n_stride = 0, k_stride = 0;  ///< words from one to the next in that direction
  bool along_n = false;                     ///< the values of a word are neighbours in n; otherwise in k
  const std::uint8_t* slots = nullptr;      ///< where in its word the i-th neighbour is; nullptr: in order
  std::uint32_t added = 0;                  ///< to each word
  std::uint8_t flipped = 0;                 ///< bits of each value: 0x80 makes int8 count from -128

  /// Values of row n, the first out.size() ones.
  void Row(std::int64_t n, std::span<std::uint8_t> out) const;
};

/// Scales of groups of a matrix's values.
struct Scales {
  enum class Type : std::uint8_t { kF32, kF16, kBF16, kE8M0 };
  std::span<const std::byte> data;
  Type type = Type::kF32;
  std::int64_t n_stride = 0, k_stride = 0;  ///< elements from one group to the next in that direction
  float divisor = 1;

  float At(std::int64_t n, std::int64_t k) const;
};

struct IntegerWeight {
  std::int64_t n = 0, k = 0;
  PackedIntegers codes;
  std::optional<PackedIntegers> zeros;  ///< [n, groups]
  int zero = 0;                         ///< of all groups, when there are no zeros
  Scales scales;                        ///< [n, groups]
  std::int64_t group = 0;               ///< successive k with one scale
  std::vector<std::int32_t> group_of;   ///< [k]: groups that are not successive; empty otherwise
  bool int8_inputs = false;             ///< the file has inputs rounded to int8 with one scale a token
};

struct Float8Weight {
  std::int64_t n = 0, k = 0;
  std::span<const std::byte> codes;  ///< [n, k]
  Scales scales;                     ///< [n / n_group, k / k_group], rounded up
  std::int64_t n_group = 1, k_group = 1;
};

/// bitsandbytes: one scale for so many values of the whole matrix, one row behind the other.
struct NormalFloatWeight {
  std::int64_t n = 0, k = 0;
  std::span<const std::byte> codes;  ///< [n * k / 2]: the first of two is the high nibble
  std::int64_t block = 64;
  std::span<const std::byte> absmax;  ///< f32 of each block; with nested scales u8, an index of `map`
  std::span<const std::byte> nested;  ///< f32 of each `nested_block` blocks; empty: not nested
  std::span<const std::byte> map;     ///< f32 [256]
  std::int64_t nested_block = 256;
  float offset = 0;

  float Absmax(std::int64_t block) const;
};

/// OCP microscaling, as gpt-oss keeps it.
struct MicroscaledWeight {
  std::int64_t rows = 0, k = 0;
  std::span<const std::byte> codes;   ///< [rows, k / 2]: the first of two is the low nibble
  std::span<const std::byte> scales;  ///< e8m0 [rows, k / 32]
};

/// What the rows are made into: the type, and who makes them.
struct QuantizedRows {
  DType dtype;
  std::unique_ptr<RowSource> source;
};

QuantizedRows MakeRows(IntegerWeight weight);
QuantizedRows MakeRows(Float8Weight weight);
QuantizedRows MakeRows(NormalFloatWeight weight);
QuantizedRows MakeRows(MicroscaledWeight weight);

}  // namespace strata
