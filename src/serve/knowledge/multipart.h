// multipart/form-data, as browsers and HTTP clients send files: RFC 7578, with the framing of RFC 2046, 5.1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::serve::knowledge {

struct FormPart {
  std::string name;
  std::string filename;      ///< empty: not a file
  std::string_view content;  ///< of the body
};

/// Errors: kInvalidArgument saying what is wrong and at which byte of the body.
Result<std::vector<FormPart>> ParseMultipart(std::string_view content_type, std::string_view body);

}  // namespace strata::serve::knowledge
