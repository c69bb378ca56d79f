// Mails taken apart (RFC 5322, 2045-2047, 2231).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::knowledge {

struct MimePart {
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case; values unfolded, not decoded
  std::string_view body;                                     ///< as it stands in the mail
  std::string type = "text/plain";                           ///< in lower case
  std::string charset, boundary, filename;
  bool attachment = false;

  /// Decoded words (RFC 2047) in UTF-8; empty where there is no such header.
  std::string Header(std::string_view name) const;
  /// Without its transfer encoding.
  std::string Content() const;
};

MimePart ReadMimePart(std::string_view mail);

/// What is no letter of the alphabet is skipped, as mails in the wild need.
std::string DecodeBase64(std::string_view text);

/// The parts between the boundaries, at most `limit`.
std::vector<MimePart> SplitParts(const MimePart& multipart, std::size_t limit);

}  // namespace strata::knowledge
