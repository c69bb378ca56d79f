#include "tensor/blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/convert.h"

namespace strata::blocks {
namespace {

constexpr int kBlock = 32;
constexpr int kSuper = 256;

float Half(const std::uint8_t* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return F16ToF32(bits);
}

/// The scale a file stores is a half: what is divided by must be what will be multiplied by.
void StoreHalf(std::uint8_t* at, float value) {
  const std::uint16_t bits = F32ToF16(value);
  std::memcpy(at, &bits, sizeof bits);
}

int LowNibble(std::uint8_t byte) { return byte & 15; }
int HighNibble(std::uint8_t byte) { return byte >> 4; }

std::uint32_t Bits32(const std::uint8_t* at) {
  std::uint32_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return bits;
}

/// Scale and min j (0..7) of Q4_K and Q5_K: 6 bits each, the last four split over the first eight bytes' top bits.
struct ScaleMin {
  int scale, min;
};
ScaleMin UnpackScaleMin(const std::uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4), (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4)};
}

std::uint8_t Clamped(float value, int highest) {
  return static_cast<std::uint8_t>(std::clamp(static_cast<int>(value), 0, highest));
}

/// Codes q = x * inverse + offset rounded half up, at most `highest`; nibbles go to `nibbles`, fifth bits to `fifth` if
/// not null.
void EncodeNibbles(const float* x, float inverse, float base, float offset, int highest, std::uint8_t* fifth,
                   std::uint8_t* nibbles) {
  std::uint32_t fifth_bits = 0;
  for (int i = 0; i < kBlock / 2; ++i) {
    const std::uint8_t low = Clamped((x[i] - base) * inverse + offset, highest);
    const std::uint8_t high = Clamped((x[i + kBlock / 2] - base) * inverse + offset, highest);
    nibbles[i] = static_cast<std::uint8_t>((low & 15) | ((high & 15) << 4));
    fifth_bits |= static_cast<std::uint32_t>(low >> 4) << i;
    fifth_bits |= static_cast<std::uint32_t>(high >> 4) << (i + kBlock / 2);
  }
  if (fifth != nullptr) std::memcpy(fifth, &fifth_bits, sizeof fifth_bits);
}

struct Range {
  float low, high;
};
Range RangeOf(const float* x) {
  const auto [low, high] = std::minmax_element(x, x + kBlock);
  return {*low, *high};
}

float Inverse(float value) { return value != 0 ? 1.0F / value : 0.0F; }

}  // namespace

void DecodeQ4_0(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  for (int i = 0; i < kBlock / 2; ++i) {
    y[i] = static_cast<float>(LowNibble(in[2 + i]) - 8) * d;
    y[i + kBlock / 2] = static_cast<float>(HighNibble(in[2 + i]) - 8) * d;
  }
}

void DecodeQ4_1(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  const float m = Half(in + 2);
  for (int i = 0; i < kBlock / 2; ++i) {
    y[i] = static_cast<float>(LowNibble(in[4 + i])) * d + m;
    y[i + kBlock / 2] = static_cast<float>(HighNibble(in[4 + i])) * d + m;
  }
}

void DecodeQ5_0(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  const std::uint32_t fifth = Bits32(in + 2);
  for (int i = 0; i < kBlock / 2; ++i) {
    const int low = LowNibble(in[6 + i]) | static_cast<int>(((fifth >> i) & 1) << 4);
    const int high = HighNibble(in[6 + i]) | static_cast<int>(((fifth >> (i + 16)) & 1) << 4);
    y[i] = static_cast<float>(low - 16) * d;
    y[i + kBlock / 2] = static_cast<float>(high - 16) * d;
  }
}

void DecodeQ5_1(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  const float m = Half(in + 2);
  const std::uint32_t fifth = Bits32(in + 4);
  for (int i = 0; i < kBlock / 2; ++i) {
    const int low = LowNibble(in[8 + i]) | static_cast<int>(((fifth >> i) & 1) << 4);
    const int high = HighNibble(in[8 + i]) | static_cast<int>(((fifth >> (i + 16)) & 1) << 4);
    y[i] = static_cast<float>(low) * d + m;
    y[i + kBlock / 2] = static_cast<float>(high) * d + m;
  }
}

void DecodeQ8_0(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  for (int i = 0; i < kBlock; ++i) y[i] = static_cast<float>(static_cast<std::int8_t>(in[2 + i])) * d;
}

void DecodeQ2_K(const std::uint8_t* in, float* y) {
  const std::uint8_t* scales = in;
  const std::uint8_t* quants = in + 16;
  const float d = Half(in + 80);
  const float dmin = Half(in + 82);
  for (int i = 0; i < kSuper; ++i) {
    // Halves of 128; in each, four planes of 2 bits over the same 32 bytes.
    const int half = i / 128;
    const int plane = (i % 128) / 32;
    const int q = (quants[half * 32 + i % 32] >> (2 * plane)) & 3;
    const std::uint8_t scale = scales[i / 16];
    y[i] =
        d * static_cast<float>(LowNibble(scale)) * static_cast<float>(q) - dmin * static_cast<float>(HighNibble(scale));
  }
}

void DecodeQ3_K(const std::uint8_t* in, float* y) {
  const std::uint8_t* high_bits = in;
  const std::uint8_t* quants = in + 32;
  const std::uint8_t* packed = in + 96;
  const float d = Half(in + 108);
  for (int i = 0; i < kSuper; ++i) {
    const int group = i / 16;
    // 6-bit scales: low nibbles in bytes 0..7 (low, then high halves), top 2 bits in bytes 8..11.
    const int low = group < 8 ? LowNibble(packed[group]) : HighNibble(packed[group - 8]);
    const int top = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
    const int scale = (low | (top << 4)) - 32;
    const int half = i / 128;
    const int plane = (i % 128) / 32;
    const int q = (quants[half * 32 + i % 32] >> (2 * plane)) & 3;
    const int high = (high_bits[i % 32] >> (half * 4 + plane)) & 1;
    y[i] = d * static_cast<float>(scale) * static_cast<float>(q - (high != 0 ? 0 : 4));
  }
}

void DecodeQ4_K(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  const float dmin = Half(in + 2);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin sm = UnpackScaleMin(in + 4, j);
    const float scale = d * static_cast<float>(sm.scale);
    const float min = dmin * static_cast<float>(sm.min);
    const std::uint8_t* quants = in + 16 + (j / 2) * 32;
    for (int i = 0; i < 32; ++i) {
      const int q = j % 2 == 0 ? LowNibble(quants[i]) : HighNibble(quants[i]);
      y[j * 32 + i] = scale * static_cast<float>(q) - min;
    }
  }
}

void DecodeQ5_K(const std::uint8_t* in, float* y) {
  const float d = Half(in);
  const float dmin = Half(in + 2);
  const std::uint8_t* fifth = in + 16;
  for (int j = 0; j < 8; ++j) {
    const ScaleMin sm = UnpackScaleMin(in + 4, j);
    const float scale = d * static_cast<float>(sm.scale);
    const float min = dmin * static_cast<float>(sm.min);
    const std::uint8_t* quants = in + 48 + (j / 2) * 32;
    for (int i = 0; i < 32; ++i) {
      const int low = j % 2 == 0 ? LowNibble(quants[i]) : HighNibble(quants[i]);
      y[j * 32 + i] = scale * static_cast<float>(low | (((fifth[i] >> j) & 1) << 4)) - min;
    }
  }
}

void DecodeQ6_K(const std::uint8_t* in, float* y) {
  const std::uint8_t* low = in;
  const std::uint8_t* high = in + 128;
  const auto* scales = reinterpret_cast<const std::int8_t*>(in + 192);
  const float d = Half(in + 208);
  for (int i = 0; i < kSuper; ++i) {
    const int half = i / 128;
    const int quarter = (i % 128) / 32;
    const int column = i % 32;
    const std::uint8_t byte = low[half * 64 + (quarter % 2) * 32 + column];
    const int nibble = quarter < 2 ? LowNibble(byte) : HighNibble(byte);
    const int top = (high[half * 32 + column] >> (2 * quarter)) & 3;
    const std::int8_t scale = scales[i / 16];
    y[i] = d * static_cast<float>(scale) * static_cast<float>((nibble | (top << 4)) - 32);
  }
}

float Extreme(const float* x, int count) {
  float extreme = 0;
  float greatest = 0;  // apart: clang 19 for aarch64 loses a sign in fabs(x) > fabs(extreme) while extreme is 0
  for (int i = 0; i < count; ++i) {
    const float magnitude = std::fabs(x[i]);
    if (magnitude > greatest) {
      greatest = magnitude;
      extreme = x[i];
    }
  }
  return extreme;
}

void EncodeQ4_0(const float* x, std::uint8_t* out) {
  const float d = Extreme(x, kBlock) / -8;
  StoreHalf(out, d);
  EncodeNibbles(x, Inverse(d), 0, 8.5F, 15, nullptr, out + 2);
}

void EncodeQ4_1(const float* x, std::uint8_t* out) {
  const Range range = RangeOf(x);
  const float d = (range.high - range.low) / 15;
  StoreHalf(out, d);
  StoreHalf(out + 2, range.low);
  EncodeNibbles(x, Inverse(d), range.low, 0.5F, 15, nullptr, out + 4);
}

void EncodeQ5_0(const float* x, std::uint8_t* out) {
  const float d = Extreme(x, kBlock) / -16;
  StoreHalf(out, d);
  EncodeNibbles(x, Inverse(d), 0, 16.5F, 31, out + 2, out + 6);
}

void EncodeQ5_1(const float* x, std::uint8_t* out) {
  const Range range = RangeOf(x);
  const float d = (range.high - range.low) / 31;
  StoreHalf(out, d);
  StoreHalf(out + 2, range.low);
  EncodeNibbles(x, Inverse(d), range.low, 0.5F, 31, out + 4, out + 8);
}

void EncodeQ8_0(const float* x, std::uint8_t* out) {
  const float d = std::fabs(Extreme(x, kBlock)) / 127;
  StoreHalf(out, d);
  const float inverse = Inverse(d);
  for (int i = 0; i < kBlock; ++i)
    out[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::round(x[i] * inverse)));
}

}  // namespace strata::blocks
