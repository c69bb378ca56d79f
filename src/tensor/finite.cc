#include "tensor/finite.h"

#include <cstdint>
#include <cstring>

namespace strata {
namespace {

template <class T>
T Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// An exponent of nothing but ones is NaN or infinity.
bool HalfIsFinite(const std::byte* at) { return (Load<std::uint16_t>(at) & 0x7C00) != 0x7C00; }
bool BFloatIsFinite(const std::byte* at) { return (Load<std::uint16_t>(at) & 0x7F80) != 0x7F80; }
bool FloatIsFinite(const std::byte* at) { return (Load<std::uint32_t>(at) & 0x7F80'0000) != 0x7F80'0000; }

/// Whether the halves of a block are, which lie at the offsets.
template <std::size_t... kOffsets>
bool HalvesAreFinite(const std::byte* block) {
  return (HalfIsFinite(block + kOffsets) && ...);
}

/// The scale of IQ1_M is in the high nibbles of the four words of its block scales, the lowest first.
bool NibblesAreFinite(const std::byte* block) {
  constexpr std::size_t kScales = 48;
  std::uint16_t half = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    half = static_cast<std::uint16_t>(half | Load<std::uint16_t>(block + kScales + 2 * i) >> 12 << 4 * i);
  }
  return (half & 0x7C00) != 0x7C00;
}

bool HasExponent(const std::byte* block) { return *block <= kGreatestMicroscale; }

using Search = std::optional<std::size_t> (*)(std::span<const std::byte> blocks, std::size_t block_bytes);

template <bool (*kIsFinite)(const std::byte*)>
std::optional<std::size_t> Find(std::span<const std::byte> blocks, std::size_t block_bytes) {
  for (std::size_t at = 0; at + block_bytes <= blocks.size(); at += block_bytes) {
    if (!kIsFinite(blocks.data() + at)) return at / block_bytes;
  }
  return std::nullopt;
}

/// nullptr: there is nothing to look at. Layouts: ggml's block structs, as in blocks.cc and levels.cc.
Search SearchOf(DType type) {
  switch (type) {
    case DType::kF32:
      return Find<FloatIsFinite>;
    case DType::kF16:
      return Find<HalfIsFinite>;
    case DType::kBF16:
      return Find<BFloatIsFinite>;
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return Find<HalvesAreFinite<0, 2>>;
    case DType::kQ2_K:
      return Find<HalvesAreFinite<80, 82>>;
    case DType::kQ3_K:
      return Find<HalvesAreFinite<108>>;
    case DType::kQ6_K:
      return Find<HalvesAreFinite<208>>;
    case DType::kTQ1_0:
      return Find<HalvesAreFinite<52>>;
    case DType::kTQ2_0:
      return Find<HalvesAreFinite<64>>;
    case DType::kQ4_0:
    case DType::kQ5_0:
    case DType::kQ8_0:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
    case DType::kIQ1_S:
    case DType::kIQ2_XXS:
    case DType::kIQ2_XS:
    case DType::kIQ2_S:
    case DType::kIQ3_XXS:
    case DType::kIQ3_S:
      return Find<HalvesAreFinite<0>>;
    case DType::kIQ1_M:
      return Find<NibblesAreFinite>;
    case DType::kMXFP4:
      return Find<HasExponent>;
    default:
      return nullptr;
  }
}

}  // namespace

std::optional<std::size_t> FirstNotFinite(DType type, std::span<const std::byte> blocks) {
  const Search search = SearchOf(type);
  return search != nullptr ? search(blocks, Info(type).block_bytes) : std::nullopt;
}

std::optional<std::int64_t> FirstRowNotFinite(const TensorView& made) {
  const auto* const unchecked = dynamic_cast<const UncheckedRows*>(made.source);
  return unchecked != nullptr ? unchecked->FirstNotFinite(made.first_row, made.shape.rows()) : std::nullopt;
}

}  // namespace strata
