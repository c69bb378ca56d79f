// For tests of the kernels: stored matrices of every element type.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/convert.h"
#include "tensor/tensor_view.h"

namespace strata::kernels {

inline std::vector<float> Normal(std::size_t count, unsigned seed, float deviation = 1.0f) {
  std::minstd_rand random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Makes a block of random bytes one whose values are about half as large as normal ones, where the format can.
inline void SetScale(DType type, std::minstd_rand& random, std::byte* block) {
  const auto put = [&](std::size_t at, auto value) { std::memcpy(block + at, &value, sizeof value); };
  const auto half = [&](float value) { return F32ToF16(value * static_cast<float>(1 + random() % 3)); };
  switch (type) {
    case DType::kQ2_K:
      put(80, F32ToF16(0.01f));
      return put(82, F32ToF16(0.05f));
    case DType::kQ3_K:
      return put(108, F32ToF16(0.01f));
    case DType::kQ6_K:
      return put(208, F32ToF16(0.01f));
    case DType::kQ4_K:
    case DType::kQ5_K:
      put(0, F32ToF16(0.01f));
      return put(2, F32ToF16(0.05f));
    case DType::kIQ4_NL:
      return put(0, half(0.004f));
    case DType::kIQ4_XS:
      return put(0, half(0.0002f));
    case DType::kMXFP4:
      return put(0, static_cast<std::uint8_t>(123 + random() % 3));
    case DType::kTQ1_0:
      return put(52, half(0.3f));
    case DType::kTQ2_0:
      return put(64, half(0.2f));
    case DType::kIQ1_S:
      return put(0, half(0.04f));
    case DType::kIQ1_M:
      for (std::size_t i = 0; i < 4; ++i) {
        auto& top = block[49 + 2 * i];
        top = (top & std::byte{15}) | static_cast<std::byte>((F32ToF16(0.08f) >> (4 * i) & 15) << 4);
      }
      return;
    case DType::kIQ2_XXS:
    case DType::kIQ2_XS:
    case DType::kIQ2_S:
      return put(0, half(0.005f));
    case DType::kIQ3_XXS:
    case DType::kIQ3_S:
      return put(0, half(0.002f));
    case DType::kU4_32:
    case DType::kU4_128:
      put(0, 0.1f);
      return put(4, static_cast<std::int32_t>(5 + random() % 7));
    case DType::kU8_32:
    case DType::kU8_128:
      put(0, 0.006f);
      return put(4, static_cast<std::int32_t>(96 + random() % 65));
    case DType::kF8_32:
    case DType::kF8_128:
      for (std::size_t i = 4; i < Info(type).block_bytes; ++i) {
        if ((block[i] & std::byte{0x7f}) == std::byte{0x7f}) block[i] = std::byte{};
      }
      return put(0, 0.004f);
    case DType::kNF4_64:
      return put(0, 0.9f);
    case DType::kW8A8_32:
      return put(0, 0.003f * static_cast<float>(1 + random() % 3));
    default:
      FAIL() << "no random blocks of " << Info(type).name;
  }
}

// A stored matrix: quantised normal values, or where nothing rounds to the type random blocks.
struct Stored {
  Stored(DType type, std::int64_t n, std::int64_t k, unsigned seed) {
    const auto count = static_cast<std::size_t>(n * k);
    if (auto rounded = Quantize(type, Normal(count, seed, 0.5f))) {
      bytes = std::move(*rounded);
    } else {
      std::minstd_rand random(seed);
      bytes.resize(BytesOf(type, count));
      for (std::byte& b : bytes) b = static_cast<std::byte>(random() >> 8);
      for (std::size_t i = 0; i < bytes.size(); i += Info(type).block_bytes) SetScale(type, random, bytes.data() + i);
      if (type == DType::kW8A8_32) {  // one scale a row
        const std::size_t row = BytesOf(type, static_cast<std::size_t>(k));
        for (std::size_t i = 0; i < bytes.size(); i += Info(type).block_bytes) {
          std::memcpy(bytes.data() + i, bytes.data() + i / row * row, sizeof(float));
        }
      }
    }
    view = {type, {n, k}, bytes};
  }
  std::vector<std::byte> bytes;
  TensorView view;
};

}  // namespace strata::kernels
