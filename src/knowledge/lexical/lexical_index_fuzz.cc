// Any bytes as the sections of a lexical index, with checksums that fit: an Error or an index that can be searched and
// changed, never a crash.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <unistd.h>

#include "knowledge/index_file.h"
#include "knowledge/lexical/index.h"

namespace {

using strata::knowledge::IndexFileKind;
using strata::knowledge::IndexFileWriter;
using strata::knowledge::LexicalIndex;

constexpr std::string_view kIdentity = "analyser 1 language none k1 0.9 b 0.4";

}  // namespace

// The input: for each section a length (two bytes) and its bytes; the first section is always right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path =
      (std::filesystem::temp_directory_path() / ("lexical_fuzz_" + std::to_string(::getpid()))).string();
  IndexFileWriter writer(IndexFileKind::kLexical, 1, 7);
  writer.Add(kIdentity);
  std::span<const std::uint8_t> rest(data, size);
  while (rest.size() >= 2) {
    const std::size_t bytes = std::min<std::size_t>(rest[0] | rest[1] << 8, rest.size() - 2);
    writer.Add(rest.subspan(2, bytes));
    rest = rest.subspan(2 + bytes);
  }
  if (!writer.Write(path)) std::abort();
  const auto index = LexicalIndex::Load(path, {.language = "none"});
  if (!index) return 0;
  (*index)->Search("red blue", 10);
  (*index)->Remove(1);
  (*index)->Add(2, "red");
  (*index)->Compact();
  (*index)->Search("red blue", 10);
  return 0;
}
