#include "kernels/group_unpack.h"

#include <cassert>
#include <cstring>

#include "tensor/convert.h"
#include "tensor/levels.h"
#include "tensor/scaled_blocks.h"

namespace strata::kernels {
namespace {

using Bytes = const std::uint8_t*;

float Half(Bytes at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return F16ToF32(bits);
}

void Nibbles(Bytes packed, std::uint8_t* out) {
  for (int i = 0; i < 16; ++i) {
    out[i] = packed[i] & 15;
    out[i + 16] = static_cast<std::uint8_t>(packed[i] >> 4);
  }
}

void FifthBits(Bytes high, std::uint8_t* out) {
  std::uint32_t bits;
  std::memcpy(&bits, high, sizeof(bits));
  for (int i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(out[i] | (bits >> i & 1) << 4);
}

// The six-bit scale and minimum of group j in the 12 bytes of Q4_K and Q5_K.
void SixBits(Bytes packed, std::int64_t j, int& scale, int& min) {
  if (j < 4) {
    scale = packed[j] & 63;
    min = packed[j + 4] & 63;
  } else {
    scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6 << 4);
    min = (packed[j + 4] >> 4) | (packed[j] >> 6 << 4);
  }
}

void FourOrFive(DType type, Bytes block, std::int64_t j, UnpackedGroup& out) {
  int scale = 0;
  int min = 0;
  SixBits(block + 4, j, scale, min);
  out.scale[0] = Half(block) * static_cast<float>(scale);
  out.min[0] = -(Half(block + 2) * static_cast<float>(min));
  const Bytes high = block + 16;
  const Bytes low = (type == DType::kQ5_K ? high + 32 : high) + j / 2 * 32;
  for (int i = 0; i < 32; ++i) {
    int quant = j % 2 == 0 ? low[i] & 15 : low[i] >> 4;
    if (type == DType::kQ5_K) quant |= (high[i] >> j & 1) << 4;
    out.quants[i] = static_cast<std::uint8_t>(quant);
  }
}

// Two bits of each value of group j lie in plane j % 4 of the 32 bytes that belong to its half of the block.
void Pairs(Bytes packed, std::int64_t j, std::uint8_t* out) {
  for (int i = 0; i < 32; ++i) out[i] = packed[j / 4 * 32 + i] >> (j % 4 * 2) & 3;
}

void Two(Bytes block, std::int64_t j, UnpackedGroup& out) {
  Pairs(block + 16, j, out.quants);
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t scales = block[2 * j + half];
    out.scale[half] = Half(block + 80) * static_cast<float>(scales & 15);
    out.min[half] = -(Half(block + 82) * static_cast<float>(scales >> 4));
  }
}

void Three(Bytes block, std::int64_t j, UnpackedGroup& out) {
  Pairs(block + 32, j, out.quants);
  for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<std::uint8_t>(out.quants[i] | (block[i] >> j & 1) << 2);
  const Bytes packed = block + 96;
  for (int half = 0; half < 2; ++half) {
    const std::int64_t at = 2 * j + half;  // six bits: four in the first eight bytes, two in the last four
    const int low = at < 8 ? packed[at] & 15 : packed[at - 8] >> 4;
    const int high = packed[8 + at % 4] >> (at / 4 * 2) & 3;
    out.scale[half] = Half(block + 108) * static_cast<float>((low | high << 4) - 32);
  }
}

void Six(Bytes block, std::int64_t j, UnpackedGroup& out) {
  const Bytes low = block + j / 4 * 64 + j % 2 * 32;
  Pairs(block + 128, j, out.quants);
  for (int i = 0; i < 32; ++i) {
    const int nibble = j % 4 < 2 ? low[i] & 15 : low[i] >> 4;
    out.quants[i] = static_cast<std::uint8_t>(nibble | out.quants[i] << 4);
  }
  for (int half = 0; half < 2; ++half) {
    const auto scale = static_cast<std::int8_t>(block[192 + 2 * j + half]);
    out.scale[half] = Half(block + 208) * static_cast<float>(scale);
  }
}

void Integers(DType type, const std::byte* row, std::int64_t g, UnpackedGroup& out) {
  const int middle = type == DType::kU4_32 || type == DType::kU4_128 ? 8 : 128;
  const IntegerBlock head = UnpackIntegers(type, row, g, out.quants);
  out.scale[0] = head.scale;
  out.min[0] = head.scale * static_cast<float>(middle - head.zero);
}

void Coded(DType type, const std::byte* row, std::int64_t g, UnpackedGroup& out) {
  LevelGroup group;
  UnpackLevels(type, row, g, group);
  std::memcpy(out.quants, group.codes, sizeof group.codes);
  std::memcpy(out.scale, group.scale, sizeof group.scale);
}

/// The block that has group g.
Bytes BlockOf(DType type, const std::byte* row, std::int64_t g) {
  const auto groups = static_cast<std::int64_t>(Info(type).block_elements / 32);
  return reinterpret_cast<Bytes>(row) + g / groups * static_cast<std::int64_t>(Info(type).block_bytes);
}

}  // namespace

SharedScales SharedScalesOf(DType type, const std::byte* row, std::int64_t g) {
  const Bytes block = BlockOf(type, row, g);
  switch (type) {
    case DType::kQ2_K:
      return {Half(block + 80), -Half(block + 82)};
    case DType::kQ3_K:
      return {Half(block + 108), 0};
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {Half(block), -Half(block + 2)};
    case DType::kQ6_K:
      return {Half(block + 208), 0};
    default:
      assert(type == DType::kIQ4_XS);
      return {Half(block), 0};
  }
}

void UnpackGroup(DType type, const std::byte* row, std::int64_t g, UnpackedGroup& out) {
  const Bytes block = BlockOf(type, row, g);
  switch (type) {
    case DType::kQ4_0:
      out.scale[0] = Half(block);
      return Nibbles(block + 2, out.quants);
    case DType::kQ4_1:
      out.scale[0] = Half(block);
      out.min[0] = Half(block + 2);
      return Nibbles(block + 4, out.quants);
    case DType::kQ5_0:
      out.scale[0] = Half(block);
      Nibbles(block + 6, out.quants);
      return FifthBits(block + 2, out.quants);
    case DType::kQ5_1:
      out.scale[0] = Half(block);
      out.min[0] = Half(block + 2);
      Nibbles(block + 8, out.quants);
      return FifthBits(block + 4, out.quants);
    case DType::kQ8_0:
      out.scale[0] = Half(block);
      for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<std::uint8_t>(block[2 + i] ^ 0x80);
      return;
    case DType::kQ2_K:
      return Two(block, g % 8, out);
    case DType::kQ3_K:
      return Three(block, g % 8, out);
    case DType::kQ4_K:
    case DType::kQ5_K:
      return FourOrFive(type, block, g % 8, out);
    case DType::kQ6_K:
      return Six(block, g % 8, out);
    case DType::kU4_32:
    case DType::kU4_128:
    case DType::kU8_32:
    case DType::kU8_128:
      return Integers(type, row, g, out);
    default:
      return Coded(type, row, g, out);
  }
}

}  // namespace strata::kernels
