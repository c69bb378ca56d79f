#include "serve/api_keys.h"

#include <charconv>
#include <sstream>

namespace strata::serve {

Result<std::vector<ApiKey>> ParseApiKeys(std::string_view text) {
  std::vector<ApiKey> keys;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    ApiKey key;
    std::string weight, more;
    if (!(words >> key.key)) continue;
    if (words >> weight) {
      const char* last = weight.data() + weight.size();
      const auto [end, error] = std::from_chars(weight.data(), last, key.weight);
      if (error != std::errc() || end != last || !(key.weight >= 1e-3 && key.weight <= 1e3) || words >> more) {
        return Fail(ErrorCode::kInvalidArgument,
                    "line {}: after the key may come its weight, a number from 0.001 to 1000", number);
      }
    }
    keys.push_back(std::move(key));
  }
  if (keys.empty()) return Fail(ErrorCode::kInvalidArgument, "there is no key in this file");
  return keys;
}

}  // namespace strata::serve
