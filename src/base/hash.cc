#include "base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace strata {

std::string Hash128::ToHex() const { return fmt::format("{:016x}{:016x}", high, low); }

std::uint64_t Hash64(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t Hash64(std::string_view text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

Hash128 HashOf(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Hash128 HashOf(std::string_view text) { return HashOf(std::as_bytes(std::span(text.data(), text.size()))); }

}  // namespace strata
