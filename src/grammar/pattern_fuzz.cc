// Any bytes as a regular expression, and with it a text: an Error or a language; the two ways of anchoring agree;
// nothing takes more than the store allows.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/unicode.h"
#include "grammar/pattern.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using strata::grammar::Anchoring;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view pattern = input.substr(0, input.find('\0'));
  if (pattern.size() > 200) return 0;  // derivatives of long expressions take long; the tests have those
  const std::string text =
      pattern.size() < size ? strata::ReplaceInvalidUtf8(input.substr(pattern.size() + 1).substr(0, 64)) : "aab1";
  strata::grammar::RegexStore store(20'000);  // as many as are allowed elsewhere take half a minute under ASan
  const auto search = ParsePattern(store, pattern, Anchoring::kSearch);
  const auto whole = ParsePattern(store, pattern, Anchoring::kWhole);
  Require(search.has_value() == whole.has_value() || store.exhausted() ||
          (search ? whole : search).error().code() == strata::ErrorCode::kUnsupported);
  if (!search || !whole) return 0;
  const bool found = store.Matches(*search, text), matched = store.Matches(*whole, text);
  Require(!matched || found || store.exhausted());
  return 0;
}
