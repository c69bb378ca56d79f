// Bytes to UTF-8, whatever they were written in.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace strata::knowledge {

struct DecodedText {
  std::string text;     ///< UTF-8; what could not be decoded is U+FFFD
  std::string charset;  ///< "UTF-8", "GB18030", "windows-1252", ...
};

/// By a byte order mark, else `declared` (a mail's or a page's charset, empty: none) where the bytes agree with it,
/// else UTF-8 where they are that, else by ICU's detector. Errors: kUnsupported for bytes that are no text.
Result<DecodedText> DecodeText(std::string_view bytes, std::string_view declared = {});

/// From a named charset, without looking for another. False: ICU does not know the name.
bool ConvertFrom(std::string_view charset, std::string_view bytes, std::string& out);

}  // namespace strata::knowledge
