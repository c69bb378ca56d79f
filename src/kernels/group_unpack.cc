#include "kernels/group_unpack.h"

#include <cassert>
#include <cstring>

#include "tensor/convert.h"

namespace strata::kernels {
namespace {

using Bytes = const std::uint8_t*;

std::uint16_t Half(Bytes at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return bits;
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

void SuperBlock(DType type, Bytes block, std::int64_t j, UnpackedGroup& out) {
  int scale = 0;
  int min = 0;
  SixBits(block + 4, j, scale, min);
  out.scale = F16ToF32(Half(block)) * static_cast<float>(scale);
  out.min = -(F16ToF32(Half(block + 2)) * static_cast<float>(min));
  const Bytes high = block + 16;
  const Bytes low = (type == DType::kQ5_K ? high + 32 : high) + j / 2 * 32;
  for (int i = 0; i < 32; ++i) {
    int quant = j % 2 == 0 ? low[i] & 15 : low[i] >> 4;
    if (type == DType::kQ5_K) quant |= (high[i] >> j & 1) << 4;
    out.quants[i] = static_cast<std::uint8_t>(quant);
  }
}

}  // namespace

void UnpackGroup(DType type, const std::byte* row, std::int64_t g, UnpackedGroup& out) {
  const auto block_bytes = static_cast<std::int64_t>(Info(type).block_bytes);
  const auto* bytes = reinterpret_cast<Bytes>(row);
  const Bytes block = bytes + g * block_bytes;
  switch (type) {
    case DType::kQ4_0:
      out.scale_f16 = Half(block);
      return Nibbles(block + 2, out.quants);
    case DType::kQ4_1:
      out.scale_f16 = Half(block);
      out.min_f16 = Half(block + 2);
      return Nibbles(block + 4, out.quants);
    case DType::kQ5_0:
      out.scale_f16 = Half(block);
      Nibbles(block + 6, out.quants);
      return FifthBits(block + 2, out.quants);
    case DType::kQ5_1:
      out.scale_f16 = Half(block);
      out.min_f16 = Half(block + 2);
      Nibbles(block + 8, out.quants);
      return FifthBits(block + 4, out.quants);
    case DType::kQ8_0:
      out.scale_f16 = Half(block);
      for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<std::uint8_t>(block[2 + i] ^ 0x80);
      return;
    case DType::kQ4_K:
    case DType::kQ5_K:
      return SuperBlock(type, bytes + g / 8 * block_bytes, g % 8, out);
    default:
      assert(false && "not a type of 32-groups");
  }
}

}  // namespace strata::kernels
