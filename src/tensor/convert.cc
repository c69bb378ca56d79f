#include "tensor/convert.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/blocks.h"
#include "tensor/encode_k.h"
#include "tensor/levels.h"
#include "tensor/scaled_blocks.h"

namespace strata {
namespace {

/// Loops over whole blocks: `decode(block bytes, out)` writes block_elements values.
template <class Decode>
void ForEachBlock(DType type, std::span<const std::byte> blocks, std::span<float> out, Decode decode) {
  const DTypeInfo& info = Info(type);
  const auto* in = reinterpret_cast<const std::uint8_t*>(blocks.data());
  for (std::size_t at = 0; at < out.size(); at += info.block_elements, in += info.block_bytes)
    decode(in, out.data() + at);
}

void DequantizeLevels(DType type, std::span<const std::byte> blocks, std::span<float> out) {
  const Levels& levels = LevelsOf(type);
  LevelGroup group;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 32 == 0) UnpackLevels(type, blocks.data(), static_cast<std::int64_t>(i / 32), group);
    out[i] = group.scale[i % 32 / 16] * static_cast<float>(levels[group.codes[i % 32]]);
  }
}

template <class T>
T Load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

// Halves by integers: _Float16's conversions are calls into libgcc where the compiler may not count on F16C.
float F16ToF32(std::uint16_t bits) {
  const auto sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const auto fields = static_cast<std::uint32_t>(bits & 0x7FFF) << 13;  // those of a float whose exponent is 112 less
  constexpr std::uint32_t kBias = 112U << 23;
  std::uint32_t magnitude = fields + kBias;
  if (fields >= 0x1FU << 23) {  // infinite, or NaN, which becomes quiet
    magnitude = (magnitude + kBias) | (fields > 0x1FU << 23 ? 0x400000 : 0);
  } else if (fields < 1U << 23) {  // subnormal, so without the leading one that the exponent would give it
    constexpr std::uint32_t kLeastNormal = kBias + (1U << 23);
    magnitude =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(fields + kLeastNormal) - std::bit_cast<float>(kLeastNormal));
  }
  return std::bit_cast<float>(magnitude | sign);
}

std::uint16_t F32ToF16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits & 0x80000000;
  const std::uint32_t magnitude = bits ^ sign;
  std::uint32_t half;
  if (magnitude > 0x7F800000) {
    half = 0x7E00 | (magnitude >> 13 & 0x1FF);
  } else if (magnitude >= 0x47800000) {  // 2^16
    half = 0x7C00;
  } else if (magnitude < 0x38800000) {  // subnormal: added to 0.5, its last bit weighs what a half's last does
    constexpr std::uint32_t kHalf = 126U << 23;
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + std::bit_cast<float>(kHalf)) - kHalf;
  } else {  // to the nearest, ties to even; what rounds up to 2^16 has the fields of infinity
    half = (magnitude - (112U << 23) + 0xFFF + (magnitude >> 13 & 1)) >> 13;
  }
  return static_cast<std::uint16_t>(sign >> 16 | half);
}

std::uint16_t F32ToBF16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

float F8ToF32(std::uint8_t bits) {
  if ((bits & 0x7F) == 0x7F) return std::numeric_limits<float>::quiet_NaN();
  // The same fields in a half's places mean 2^-8 of the value, subnormals too.
  return F16ToF32(static_cast<std::uint16_t>((bits & 0x80) << 8 | (bits & 0x7F) << 7)) * 256;
}

float HalfOfE8M0(std::uint8_t bits) { return std::ldexp(1.0F, bits - 128); }

Status Dequantize(DType type, std::span<const std::byte> blocks, std::span<float> out) {
  assert(blocks.size() == BytesOf(type, out.size()));
  switch (type) {
    case DType::kF32:
      std::memcpy(out.data(), blocks.data(), blocks.size());
      return {};
    case DType::kF16:
      ForEachBlock(type, blocks, out, [](const auto* in, float* y) { *y = F16ToF32(Load<std::uint16_t>(in)); });
      return {};
    case DType::kBF16:
      ForEachBlock(type, blocks, out, [](const auto* in, float* y) { *y = BF16ToF32(Load<std::uint16_t>(in)); });
      return {};
    case DType::kF64:
      ForEachBlock(type, blocks, out, [](const auto* in, float* y) { *y = static_cast<float>(Load<double>(in)); });
      return {};
    case DType::kQ4_0:
      ForEachBlock(type, blocks, out, blocks::DecodeQ4_0);
      return {};
    case DType::kQ4_1:
      ForEachBlock(type, blocks, out, blocks::DecodeQ4_1);
      return {};
    case DType::kQ5_0:
      ForEachBlock(type, blocks, out, blocks::DecodeQ5_0);
      return {};
    case DType::kQ5_1:
      ForEachBlock(type, blocks, out, blocks::DecodeQ5_1);
      return {};
    case DType::kQ8_0:
      ForEachBlock(type, blocks, out, blocks::DecodeQ8_0);
      return {};
    case DType::kQ2_K:
      ForEachBlock(type, blocks, out, blocks::DecodeQ2_K);
      return {};
    case DType::kQ3_K:
      ForEachBlock(type, blocks, out, blocks::DecodeQ3_K);
      return {};
    case DType::kQ4_K:
      ForEachBlock(type, blocks, out, blocks::DecodeQ4_K);
      return {};
    case DType::kQ5_K:
      ForEachBlock(type, blocks, out, blocks::DecodeQ5_K);
      return {};
    case DType::kQ6_K:
      ForEachBlock(type, blocks, out, blocks::DecodeQ6_K);
      return {};
    case DType::kU4_32:
    case DType::kU4_128:
    case DType::kU8_32:
    case DType::kU8_128:
    case DType::kF8_32:
    case DType::kF8_128:
    case DType::kNF4_64:
    case DType::kW8A8_32:
      ForEachBlock(type, blocks, out, [&](const auto* in, float* y) { DecodeScaledBlock(type, in, y); });
      return {};
    default:
      if (HasLevels(type)) {
        DequantizeLevels(type, blocks, out);
        return {};
      }
      return Fail(ErrorCode::kUnsupported, "{} values cannot be read as f32", Info(type).name);
  }
}

Result<std::vector<float>> DequantizeTensor(const TensorView& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.shape.elements()));
  if (tensor.source == nullptr) {
    STRATA_CHECK(Dequantize(tensor.dtype, tensor.data, values));
    return values;
  }
  const auto cols = static_cast<std::size_t>(tensor.shape.cols());
  std::vector<std::byte> scratch;
  for (std::int64_t r = 0; r < tensor.shape.rows(); ++r) {
    STRATA_CHECK(Dequantize(tensor.dtype, tensor.row(r, scratch),
                            std::span(values).subspan(static_cast<std::size_t>(r) * cols, cols)));
  }
  return values;
}

Result<std::vector<std::byte>> Quantize(DType type, std::span<const float> values, std::span<const float> weights) {
  std::vector<std::byte> out(BytesOf(type, values.size()));
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  const DTypeInfo& info = Info(type);
  const auto encode = [&](auto&& block) {
    for (std::size_t at = 0; at < values.size(); at += info.block_elements, to += info.block_bytes)
      block(values.data() + at, to);
    return std::move(out);
  };
  const auto encode_k = [&](auto* block) {
    std::vector<float> alike;
    if (weights.empty()) alike.assign(values.size(), 1);
    const float* weight = weights.empty() ? alike.data() : weights.data();
    return encode([&](const float* x, std::uint8_t* y) { block(x, weight + (x - values.data()), y); });
  };
  const auto store16 = [](std::uint8_t* at, std::uint16_t bits) { std::memcpy(at, &bits, 2); };
  switch (type) {
    case DType::kF32:
      return encode([](const float* x, std::uint8_t* y) { std::memcpy(y, x, 4); });
    case DType::kF16:
      return encode([&](const float* x, std::uint8_t* y) { store16(y, F32ToF16(*x)); });
    case DType::kBF16:
      return encode([&](const float* x, std::uint8_t* y) { store16(y, F32ToBF16(*x)); });
    case DType::kQ4_0:
      return encode(blocks::EncodeQ4_0);
    case DType::kQ4_1:
      return encode(blocks::EncodeQ4_1);
    case DType::kQ5_0:
      return encode(blocks::EncodeQ5_0);
    case DType::kQ5_1:
      return encode(blocks::EncodeQ5_1);
    case DType::kQ8_0:
      return encode(blocks::EncodeQ8_0);
    case DType::kQ4_K:
      return encode_k(blocks::EncodeQ4_K);
    case DType::kQ5_K:
      return encode_k(blocks::EncodeQ5_K);
    case DType::kQ6_K:
      return encode_k(blocks::EncodeQ6_K);
    default:
      return Fail(ErrorCode::kUnsupported, "values cannot be rounded to {}", info.name);
  }
}

}  // namespace strata
