// How fast a tokenizer.json encodes, for tools/bench_tokenizers.py:
//
//   tokenizer_bench TOKENIZER_JSON TEXT_FILE whole|lines SECONDS
//
// Encodes the file as one text, or each of its lines, for about SECONDS after one round to warm up; prints the bytes a
// second of the median round, the number of ids, and XXH3-64 of all ids.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

Status Run(const std::string& tokenizer_path, const std::string& text_path, bool lines, double seconds) {
  STRATA_TRY(const std::string json, ReadFile(tokenizer_path));
  STRATA_TRY(const auto tokenizer, LoadTokenizerJson(json));
  STRATA_TRY(const std::string text, ReadFile(text_path));
  std::vector<std::string_view> texts;
  for (std::size_t at = 0; lines && at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    texts.push_back(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  if (!lines) texts.emplace_back(text);

  std::vector<TokenId> all;
  for (const std::string_view one : texts) {
    const auto ids = tokenizer->Encode(one, {.add_special_tokens = false});
    all.insert(all.end(), ids.begin(), ids.end());
  }
  std::vector<double> rounds;
  for (double spent = 0; spent < seconds; spent += rounds.back()) {
    const auto start = std::chrono::steady_clock::now();
    std::size_t count = 0;
    for (const std::string_view one : texts) count += tokenizer->Encode(one, {.add_special_tokens = false}).size();
    rounds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (count != all.size()) return Fail(ErrorCode::kInternal, "{} ids, then {}", all.size(), count);
  }
  std::ranges::nth_element(rounds, rounds.begin() + static_cast<std::ptrdiff_t>(rounds.size() / 2));
  fmt::print("{:.0f} {} {:016x}\n", static_cast<double>(text.size()) / rounds[rounds.size() / 2], all.size(),
             Hash64(std::as_bytes(std::span(all))));
  return {};
}

}  // namespace
}  // namespace strata

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: tokenizer_bench TOKENIZER_JSON TEXT_FILE whole|lines SECONDS\n");
    return 2;
  }
  const auto status = strata::Run(argv[1], argv[2], std::string_view(argv[3]) == "lines", std::atof(argv[4]));
  if (!status) fmt::print(stderr, "{}\n", status.error().ToString());
  return status ? 0 : 1;
}
