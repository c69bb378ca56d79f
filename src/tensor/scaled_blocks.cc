#include "tensor/scaled_blocks.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "tensor/convert.h"

namespace strata {

const float kNF4[16] = {-1.0F,
                        -0.6961928009986877F,
                        -0.5250730514526367F,
                        -0.39491748809814453F,
                        -0.28444138169288635F,
                        -0.18477343022823334F,
                        -0.09105003625154495F,
                        0.0F,
                        0.07958029955625534F,
                        0.16093020141124725F,
                        0.24611230194568634F,
                        0.33791524171829224F,
                        0.44070982933044434F,
                        0.5626170039176941F,
                        0.7229568362236023F,
                        1.0F};

namespace {

constexpr std::size_t kFloatHead = sizeof(float);

bool IsU4(DType type) { return type == DType::kU4_32 || type == DType::kU4_128; }
bool IsU8(DType type) { return type == DType::kU8_32 || type == DType::kU8_128; }

/// Of a float head.
float ScaleOf(const std::uint8_t* block) {
  float scale;
  std::memcpy(&scale, block, sizeof scale);
  return scale;
}

std::uint8_t TwoNibbles(std::uint8_t low, std::uint8_t high) { return static_cast<std::uint8_t>(low | high << 4); }

}  // namespace

void EncodeScaledBlock(DType type, const IntegerBlock& head, std::span<const std::uint8_t> codes, std::uint8_t* block) {
  assert(codes.size() == Info(type).block_elements);
  if (IsU4(type)) {
    std::memcpy(block, &head, sizeof head);
    for (std::size_t i = 0; i < codes.size() / 2; ++i) {
      const std::size_t at = i / 16 * 32 + i % 16;
      block[sizeof head + i] = TwoNibbles(codes[at], codes[at + 16]);
    }
    return;
  }
  if (IsU8(type)) {
    std::memcpy(block, &head, sizeof head);
    std::ranges::copy(codes, block + sizeof head);
    return;
  }
  std::memcpy(block, &head.scale, kFloatHead);
  if (type != DType::kNF4_64) {
    std::ranges::copy(codes, block + kFloatHead);
    return;
  }
  for (std::size_t i = 0; i < codes.size() / 2; ++i) block[kFloatHead + i] = TwoNibbles(codes[2 * i], codes[2 * i + 1]);
}

void DecodeScaledBlock(DType type, const std::uint8_t* block, float* values) {
  const auto count = static_cast<std::int64_t>(Info(type).block_elements);
  if (IsU4(type) || IsU8(type)) {
    std::uint8_t codes[32];
    for (std::int64_t g = 0; g < count / 32; ++g) {
      const IntegerBlock head = UnpackIntegers(type, reinterpret_cast<const std::byte*>(block), g, codes);
      for (int i = 0; i < 32; ++i) values[32 * g + i] = head.scale * static_cast<float>(codes[i] - head.zero);
    }
    return;
  }
  const float scale = ScaleOf(block);
  const std::uint8_t* codes = block + kFloatHead;
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = scale * (type == DType::kW8A8_32  ? static_cast<float>(codes[i] - 128)
                         : type == DType::kNF4_64 ? kNF4[codes[i / 2] >> (i % 2 * 4) & 15]
                                                  : F8ToF32(codes[i]));
  }
}

IntegerBlock UnpackIntegers(DType type, const std::byte* row, std::int64_t g, std::uint8_t* codes) {
  assert(IsU4(type) || IsU8(type));
  const DTypeInfo& info = Info(type);
  const auto groups = static_cast<std::int64_t>(info.block_elements / 32);
  const auto* block =
      reinterpret_cast<const std::uint8_t*>(row) + g / groups * static_cast<std::int64_t>(info.block_bytes);
  IntegerBlock head;
  std::memcpy(&head, block, sizeof head);
  const std::uint8_t* packed = block + sizeof head + g % groups * (IsU4(type) ? 16 : 32);
  for (int i = 0; i < 32; ++i) {
    codes[i] = IsU8(type) ? packed[i] : i < 16 ? packed[i] & 15 : static_cast<std::uint8_t>(packed[i - 16] >> 4);
  }
  return head;
}

}  // namespace strata
