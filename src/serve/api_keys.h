// The keys that open a server, as a file lists them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/types.h"

namespace strata::serve {

struct ApiKey {
  std::string key;
  double weight = 1;  ///< of its requests in fair scheduling
  /// Who asks knowledge bases with it. None: somebody who sees everything, and may ask as anybody.
  std::optional<strata::knowledge::Principal> principal = {};

  bool operator==(const ApiKey&) const = default;
};

/// One key a line, after it perhaps its weight, 0.001 to 1000, and whose it is: user=NAME, group=NAME, label=NAME, the
/// last two as often as needed; empty lines do not count. Errors: kInvalidArgument: anything else behind a key, naming
/// the line, or no key: a server that somebody meant to close must not be open.
Result<std::vector<ApiKey>> ParseApiKeys(std::string_view text);

}  // namespace strata::serve
