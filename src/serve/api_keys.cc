#include "serve/api_keys.h"

#include <charconv>
#include <sstream>

namespace strata::serve {
namespace {

bool ReadWeight(std::string_view word, double& weight) {
  const auto [end, error] = std::from_chars(word.begin(), word.end(), weight);
  return error == std::errc() && end == word.end() && weight >= 1e-3 && weight <= 1e3;
}

/// "user=ann", "group=law" or "label=secret".
bool ReadPrincipal(std::string_view word, ApiKey& key) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos || equals + 1 == word.size()) return false;
  const std::string_view name = word.substr(0, equals);
  std::string value(word.substr(equals + 1));
  strata::knowledge::Principal principal = key.principal.value_or(strata::knowledge::Principal());
  if (name == "group") {
    principal.groups.push_back(std::move(value));
  } else if (name == "label") {
    principal.labels.push_back(std::move(value));
  } else if (name == "user" && principal.user.empty()) {
    principal.user = std::move(value);
  } else {
    return false;
  }
  key.principal = std::move(principal);
  return true;
}

}  // namespace

Result<std::vector<ApiKey>> ParseApiKeys(std::string_view text) {
  std::vector<ApiKey> keys;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    ApiKey key;
    if (!(words >> key.key)) continue;
    bool first = true;
    for (std::string word; words >> word; first = false) {
      if ((first && ReadWeight(word, key.weight)) || ReadPrincipal(word, key)) continue;
      return Fail(ErrorCode::kInvalidArgument,
                  "line {}: after the key may come its weight, a number from 0.001 to 1000, and user=NAME, group=NAME "
                  "and label=NAME",
                  number);
    }
    keys.push_back(std::move(key));
  }
  if (keys.empty()) return Fail(ErrorCode::kInvalidArgument, "there is no key in this file");
  return keys;
}

}  // namespace strata::serve
