// Numbers in as many bits as the greatest of them needs: how blocks of postings are compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace strata::knowledge {

/// Unpack may read so many bytes after the last packed number.
inline constexpr std::size_t kPackingSlack = 8;

/// Bits that the greatest needs, 0 to 32.
std::uint8_t BitsOf(std::span<const std::uint32_t> values);

/// Bytes of `count` numbers: whole groups of eight.
constexpr std::size_t PackedBytes(std::size_t count, std::uint8_t bits) { return (count + 7) / 8 * bits; }

/// Appends PackedBytes(values.size(), bits) bytes, lowest bits first.
void Pack(std::span<const std::uint32_t> values, std::uint8_t bits, std::vector<std::uint8_t>& out);

/// Writes whole groups of eight to `out`.
void Unpack(const std::uint8_t* packed, std::size_t count, std::uint8_t bits, std::uint32_t* out);

}  // namespace strata::knowledge
