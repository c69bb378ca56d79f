// Any bytes as the sections of a vector index, with checksums that fit: an Error or an index that can be searched and
// changed, never a crash.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include "knowledge/index_file.h"
#include "knowledge/vectors/index.h"

// The input: a storage; for each section a length (two bytes) and its bytes; the first section is always right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata::knowledge;
  static const std::string path =
      (std::filesystem::temp_directory_path() / ("vectors_fuzz_" + std::to_string(::getpid()))).string();
  if (size == 0) return 0;
  const VectorOptions options{
      .dimensions = 3, .storage = static_cast<VectorStorage>(data[0] % 3), .m = 2, .exact_below = 2};
  const std::vector<std::int64_t> identity = {3, data[0] % 3, 2, options.ef_construction};
  IndexFileWriter writer(IndexFileKind::kVectors, 1, 7);
  writer.Add(identity);
  std::span<const std::uint8_t> rest(data + 1, size - 1);
  while (rest.size() >= 2) {
    const std::size_t bytes = std::min<std::size_t>(rest[0] | rest[1] << 8, rest.size() - 2);
    writer.Add(rest.subspan(2, bytes));
    rest = rest.subspan(2 + bytes);
  }
  if (!writer.Write(path)) std::abort();
  const auto index = VectorIndex::Load(path, options);
  if (!index) return 0;
  const std::vector<float> vector = {0.6f, 0, 0.8f};
  (*index)->Search(vector, 3, {});
  (*index)->Remove(1);
  (*index)->Add(2, vector);
  (*index)->Compact();
  (*index)->Search(vector, 3, {});
  return 0;
}
