// Content hashes (xxHash3): cache keys, prefix-cache chains. Not for security.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace strata {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
  /// 32 hexadecimal digits.
  std::string ToHex() const;
};

std::uint64_t Hash64(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t Hash64(std::string_view text, std::uint64_t seed = 0);
Hash128 HashOf(std::span<const std::byte> bytes);
Hash128 HashOf(std::string_view text);

}  // namespace strata
