// URIs, IRIs and internet addresses as regular expressions (whole texts, for ParsePattern).
#pragma once

#include <cstdint>
#include <string>

namespace strata::grammar {

enum class UriCharacters : std::uint8_t {
  kAscii,    ///< RFC 3986
  kUnicode,  ///< RFC 3987: IRIs
};

std::string UriPattern(UriCharacters characters);           ///< with a scheme
std::string UriReferencePattern(UriCharacters characters);  ///< or relative
std::string UriTemplatePattern();                           ///< RFC 6570, level 4
std::string Ipv4Pattern();                                  ///< dotted quad, no leading zeros
std::string Ipv6Pattern();                                  ///< RFC 4291, section 2.2, without zone

}  // namespace strata::grammar
