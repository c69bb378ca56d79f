#include "tensor/levels.h"

#include <bit>
#include <cassert>
#include <cstring>

#include "tensor/convert.h"
#include "tensor/iq_grids.h"

namespace strata {
namespace {

using Bytes = const std::uint8_t*;

// Denser near zero, as trained weights are.
constexpr Levels kIq4 = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Twice what e2m1 says (half steps become whole); the scale is halved.
constexpr Levels kE2M1 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
// Codes of TQ2_0 have two bits, so that 3 may be written.
constexpr Levels kTernary = {-1, 0, 1, 2};
// Magnitude in the low three bits, sign in the fourth.
constexpr Levels kIq2 = {8, 25, 43, 0, 0, 0, 0, 0, -8, -25, -43};
constexpr Levels kIq3Xxs = {4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62};
constexpr Levels kIq3S = {1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15};
// Eighths of -1, 0 and 1, moved by an eighth up or (fourth bit) down; the scale is divided by eight.
constexpr Levels kIq1 = {-7, 1, 9, 0, 0, 0, 0, 0, -9, -1, 7};
constexpr std::uint32_t kNegative = 8;

template <class T>
T Load(Bytes at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
float Half(Bytes at) { return F16ToF32(Load<std::uint16_t>(at)); }

int Nibble(std::uint8_t byte, std::int64_t index) { return index % 2 == 0 ? byte & 15 : byte >> 4; }

void SetScale(LevelGroup& out, float scale) { out.scale[0] = out.scale[1] = scale; }

void Nibbles(Bytes packed, LevelGroup& out) {
  for (int i = 0; i < 16; ++i) {
    out.codes[i] = packed[i] & 15;
    out.codes[i + 16] = static_cast<std::uint8_t>(packed[i] >> 4);
  }
}

/// Eight codes of a grid entry with 2 bits a magnitude; bit i of `signs` makes the i-th negative.
void Eight(std::uint32_t entry, std::uint32_t signs, std::uint8_t* codes) {
  for (int i = 0; i < 8; ++i) {
    codes[i] = static_cast<std::uint8_t>((entry >> (2 * i) & 3) | (signs >> i & 1) * kNegative);
  }
}

/// Four of an entry with 3 bits a magnitude.
void Four(std::uint32_t entry, std::uint32_t signs, std::uint8_t* codes) {
  for (int i = 0; i < 4; ++i) {
    codes[i] = static_cast<std::uint8_t>((entry >> (3 * i) & 7) | (signs >> i & 1) * kNegative);
  }
}

/// Seven stored signs; the eighth makes their number even.
std::uint32_t EvenSigns(std::uint32_t seven) {
  return seven | static_cast<std::uint32_t>(std::popcount(seven) & 1) << 7;
}

// Each function's comment gives the fields of its block in order, with their sizes.

/// f16 d; 16 bytes of nibbles.
void IQ4_NL(Bytes block, LevelGroup& out) {
  SetScale(out, Half(block));
  Nibbles(block + 2, out);
}

/// e8m0 scale; 16 bytes of nibbles.
void MXFP4(Bytes block, LevelGroup& out) {
  SetScale(out, HalfOfE8M0(block[0]));
  Nibbles(block + 1, out);
}

/// f16 d; 2 bytes of the scales' high 2 bits; 4 bytes of their low nibbles; 128 bytes of nibbles.
void IQ4_XS(Bytes block, std::int64_t g, LevelGroup& out) {
  const int high = Load<std::uint16_t>(block + 2) >> (2 * g) & 3;
  const int scale = Nibble(block[4 + g / 2], g) | high << 4;
  SetScale(out, Half(block) * static_cast<float>(scale - 32));
  Nibbles(block + 8 + 16 * g, out);
}

/// The top base-3 digit of a byte that holds digits / 3^5 as a fraction of 256, after `plane` digits before it.
std::uint8_t Trit(std::uint8_t byte, std::int64_t plane) {
  constexpr std::uint8_t kPowers[] = {1, 3, 9, 27, 81};
  const auto shifted = static_cast<std::uint8_t>(byte * kPowers[plane]);
  return static_cast<std::uint8_t>(shifted * 3 >> 8);
}

/// 32 bytes of five planes of 32 digits; 16 bytes of five planes of 16; 4 bytes of four planes of 4; f16 d.
void TQ1_0(Bytes block, std::int64_t g, LevelGroup& out) {
  SetScale(out, Half(block + 52));
  for (std::int64_t i = 0; i < 32; ++i) {
    const std::int64_t at = 32 * g + i;
    out.codes[i] = at < 160   ? Trit(block[at % 32], at / 32)
                   : at < 240 ? Trit(block[32 + (at - 160) % 16], (at - 160) / 16)
                              : Trit(block[48 + (at - 240) % 4], (at - 240) / 4);
  }
}

/// 64 bytes: two halves of 32 bytes, in each four planes of 2 bits; f16 d.
void TQ2_0(Bytes block, std::int64_t g, LevelGroup& out) {
  SetScale(out, Half(block + 64));
  for (std::int64_t i = 0; i < 32; ++i) out.codes[i] = block[g / 4 * 32 + i] >> (g % 4 * 2) & 3;
}

/// f16 d; 32 bytes of low index bits; 8 words: four times 3 high index bits, 3 bits of scale, the shift's sign.
void IQ1_S(Bytes block, std::int64_t g, LevelGroup& out) {
  const std::uint32_t high = Load<std::uint16_t>(block + 34 + 2 * g);
  SetScale(out, Half(block) * static_cast<float>(2 * (high >> 12 & 7) + 1) / 8);
  const std::uint32_t shift = (high & 0x8000) != 0 ? 0xff : 0;
  for (std::int64_t l = 0; l < 4; ++l) {
    Eight(kGridIQ1_S[block[2 + 4 * g + l] | (high >> (3 * l) & 7) << 8], shift, out.codes + 8 * l);
  }
}

/// 32 bytes of low index bits; 16 bytes of nibbles: 3 high index bits and the shift's sign; 4 words: four scales of 3
/// bits each, in their top nibbles the four nibbles of the f16 d.
void IQ1_M(Bytes block, std::int64_t g, LevelGroup& out) {
  std::uint32_t d = 0;
  for (int i = 0; i < 4; ++i) d |= static_cast<std::uint32_t>(Load<std::uint16_t>(block + 48 + 2 * i) >> 12) << (4 * i);
  const std::uint32_t scales = Load<std::uint16_t>(block + 48 + g / 2 * 2);
  for (std::int64_t half = 0; half < 2; ++half) {
    const std::uint32_t scale = scales >> (3 * (g % 2 * 2 + half)) & 7;
    out.scale[half] = F16ToF32(static_cast<std::uint16_t>(d)) * static_cast<float>(2 * scale + 1) / 8;
  }
  for (std::int64_t l = 0; l < 4; ++l) {
    const auto high = static_cast<std::uint32_t>(Nibble(block[32 + 2 * g + l / 2], l));
    Eight(kGridIQ1_S[block[4 * g + l] | (high & 7) << 8], (high & 8) != 0 ? 0xff : 0, out.codes + 8 * l);
  }
}

/// f16 d; for each group 4 bytes of indices, a word of four times 7 signs and 4 bits of scale.
void IQ2_XXS(Bytes block, std::int64_t g, LevelGroup& out) {
  const Bytes indices = block + 2 + 8 * g;
  const auto signs = Load<std::uint32_t>(indices + 4);
  SetScale(out, Half(block) * (0.5F + static_cast<float>(signs >> 28)) * 0.25F);
  for (int l = 0; l < 4; ++l) Eight(kGridIQ2_XXS[indices[l]], EvenSigns(signs >> (7 * l) & 127), out.codes + 8 * l);
}

/// f16 d; 32 words of 9 bits of index and 7 signs; 8 bytes of two scales.
void IQ2_XS(Bytes block, std::int64_t g, LevelGroup& out) {
  for (std::int64_t half = 0; half < 2; ++half) {
    out.scale[half] = Half(block) * (0.5F + static_cast<float>(Nibble(block[66 + g], half))) * 0.25F;
  }
  for (std::int64_t l = 0; l < 4; ++l) {
    const std::uint32_t word = Load<std::uint16_t>(block + 2 + 8 * g + 2 * l);
    Eight(kGridIQ2_XS[word & 511], EvenSigns(word >> 9), out.codes + 8 * l);
  }
}

/// f16 d; 32 bytes of low index bits; 32 bytes of signs; 8 bytes of high index bits; 8 bytes of two scales.
void IQ2_S(Bytes block, std::int64_t g, LevelGroup& out) {
  for (std::int64_t half = 0; half < 2; ++half) {
    out.scale[half] = Half(block) * (0.5F + static_cast<float>(Nibble(block[74 + g], half))) * 0.25F;
  }
  for (std::int64_t l = 0; l < 4; ++l) {
    const std::uint32_t high = block[66 + g] >> (2 * l) & 3;
    Eight(kGridIQ2_S[block[2 + 4 * g + l] | high << 8], block[34 + 4 * g + l], out.codes + 8 * l);
  }
}

/// f16 d; 64 bytes of indices; 8 words of four times 7 signs and 4 bits of scale.
void IQ3_XXS(Bytes block, std::int64_t g, LevelGroup& out) {
  const auto signs = Load<std::uint32_t>(block + 66 + 4 * g);
  SetScale(out, Half(block) * (0.5F + static_cast<float>(signs >> 28)) * 0.5F);
  for (int j = 0; j < 8; ++j) {
    const std::uint32_t eight = EvenSigns(signs >> (j / 2 * 7) & 127);
    Four(kGridIQ3_XXS[block[2 + 8 * g + j]], eight >> (j % 2 * 4), out.codes + 4 * j);
  }
}

/// f16 d; 64 bytes of low index bits; 8 bytes of ninth bits; 32 bytes of signs; 4 bytes of two scales.
void IQ3_S(Bytes block, std::int64_t g, LevelGroup& out) {
  SetScale(out, Half(block) * static_cast<float>(1 + 2 * Nibble(block[106 + g / 2], g)));
  for (std::int64_t j = 0; j < 8; ++j) {
    const std::uint32_t high = block[66 + g] >> j & 1;
    Four(kGridIQ3_S[block[2 + 8 * g + j] | high << 8],
         static_cast<std::uint32_t>(block[74 + 4 * g + j / 2]) >> (j % 2 * 4), out.codes + 4 * j);
  }
}

struct LevelType {
  DType type;
  const Levels* levels;
  void (*unpack)(Bytes block, std::int64_t g, LevelGroup& out);  ///< g: of the block
};

constexpr LevelType kTypes[] = {
    {DType::kIQ4_NL, &kIq4, [](Bytes block, std::int64_t, LevelGroup& out) { IQ4_NL(block, out); }},
    {DType::kIQ4_XS, &kIq4, IQ4_XS},
    {DType::kMXFP4, &kE2M1, [](Bytes block, std::int64_t, LevelGroup& out) { MXFP4(block, out); }},
    {DType::kTQ1_0, &kTernary, TQ1_0},
    {DType::kTQ2_0, &kTernary, TQ2_0},
    {DType::kIQ1_S, &kIq1, IQ1_S},
    {DType::kIQ1_M, &kIq1, IQ1_M},
    {DType::kIQ2_XXS, &kIq2, IQ2_XXS},
    {DType::kIQ2_XS, &kIq2, IQ2_XS},
    {DType::kIQ2_S, &kIq2, IQ2_S},
    {DType::kIQ3_XXS, &kIq3Xxs, IQ3_XXS},
    {DType::kIQ3_S, &kIq3S, IQ3_S},
};

const LevelType* Find(DType type) {
  for (const LevelType& one : kTypes) {
    if (one.type == type) return &one;
  }
  return nullptr;
}

}  // namespace

bool HasLevels(DType type) { return Find(type) != nullptr; }

const Levels& LevelsOf(DType type) {
  const LevelType* found = Find(type);
  assert(found != nullptr);
  return *found->levels;
}

void UnpackLevels(DType type, const std::byte* row, std::int64_t g, LevelGroup& out) {
  const LevelType* found = Find(type);
  assert(found != nullptr);
  const DTypeInfo& info = Info(type);
  const auto groups = static_cast<std::int64_t>(info.block_elements / 32);
  const auto* block = reinterpret_cast<Bytes>(row) + g / groups * static_cast<std::int64_t>(info.block_bytes);
  found->unpack(block, g % groups, out);
}

}  // namespace strata
