// The keys that open a server, as a file lists them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::serve {

struct ApiKey {
  std::string key;
  double weight = 1;  ///< of its requests in fair scheduling

  bool operator==(const ApiKey&) const = default;
};

/// One key a line, after it perhaps its weight, 0.001 to 1000; empty lines do not count.
/// Errors: kInvalidArgument: a bad weight, naming the line, or no key: a server that somebody meant to close must not
/// be open.
Result<std::vector<ApiKey>> ParseApiKeys(std::string_view text);

}  // namespace strata::serve
