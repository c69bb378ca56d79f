#include "knowledge/lexical/packing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace strata::knowledge {
namespace {

// A width known to the compiler, so that offsets and shifts of a group's eight numbers are constants.
template <unsigned kBits>
void UnpackGroups(const std::uint8_t* packed, std::size_t groups, std::uint32_t* out) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kBits) - 1;
  for (std::size_t group = 0; group < groups; ++group, packed += kBits, out += 8) {
    for (unsigned i = 0; i < 8; ++i) {
      std::uint64_t word;
      std::memcpy(&word, packed + i * kBits / 8, sizeof(word));
      out[i] = static_cast<std::uint32_t>(word >> i * kBits % 8 & kMask);
    }
  }
}

using UnpackFn = void (*)(const std::uint8_t*, std::size_t, std::uint32_t*);

constexpr auto kUnpack = []<std::size_t... kBits>(std::index_sequence<kBits...>) {
  return std::array<UnpackFn, sizeof...(kBits)>{UnpackGroups<kBits>...};
}(std::make_index_sequence<33>());

}  // namespace

std::uint8_t BitsOf(std::span<const std::uint32_t> values) {
  std::uint32_t all = 0;
  for (const std::uint32_t value : values) all |= value;
  return static_cast<std::uint8_t>(std::bit_width(all));
}

void Pack(std::span<const std::uint32_t> values, std::uint8_t bits, std::vector<std::uint8_t>& out) {
  const std::size_t begin = out.size();
  out.resize(begin + PackedBytes(values.size(), bits));
  std::uint64_t pending = 0;
  unsigned filled = 0;
  std::size_t at = begin;
  for (const std::uint32_t value : values) {
    pending |= std::uint64_t{value} << filled;
    for (filled += bits; filled >= 8; filled -= 8, pending >>= 8) out[at++] = static_cast<std::uint8_t>(pending);
  }
  if (filled > 0) out[at] = static_cast<std::uint8_t>(pending);
}

void Unpack(const std::uint8_t* packed, std::size_t count, std::uint8_t bits, std::uint32_t* out) {
  kUnpack[bits](packed, (count + 7) / 8, out);
}

}  // namespace strata::knowledge
