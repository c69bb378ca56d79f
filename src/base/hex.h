// Hexadecimal digits, and the bytes that URIs write with them.
#pragma once

#include <string>
#include <string_view>

namespace strata {

/// The value of a hexadecimal digit, or -1.
constexpr int HexDigit(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// `text` with each %HH as its byte (RFC 3986, section 2.1); a percent sign before anything else stays.
std::string PercentDecoded(std::string_view text);

}  // namespace strata
