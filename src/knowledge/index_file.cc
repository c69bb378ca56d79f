#include "knowledge/index_file.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <xxhash.h>

#include "base/hash.h"
#include "base/new_file.h"

namespace strata::knowledge {
namespace {

constexpr std::uint64_t kMagic = 0x0a58444942'4b5453;  // "STKBIDX\n"

struct Header {
  std::uint64_t magic;
  std::uint32_t kind, version;
  std::uint64_t sequence, sections;
};

struct SectionEntry {
  std::uint64_t bytes, hash;
};

std::uint64_t HashOfParts(std::span<const std::span<const std::byte>> parts) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  for (const auto part : parts) XXH3_64bits_update(state.get(), part.data(), part.size());
  return XXH3_64bits_digest(state.get());
}

template <class T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

Status IndexFileWriter::Write(const std::string& path) const {
  const Header header{kMagic, static_cast<std::uint32_t>(kind_), version_, sequence_, sections_.size()};
  std::vector<SectionEntry> entries;
  for (const auto& parts : sections_) {
    std::uint64_t bytes = 0;
    for (const auto part : parts) bytes += part.size();
    entries.push_back({bytes, HashOfParts(parts)});
  }
  const std::span<const std::byte> table[] = {BytesOf(header), std::as_bytes(std::span(entries))};
  const std::uint64_t table_hash = HashOfParts(table);
  STRATA_TRY(NewFile file, NewFile::Create(path));
  for (const auto part : table) STRATA_CHECK(file.Write(part));
  STRATA_CHECK(file.Write(BytesOf(table_hash)));
  for (const auto& parts : sections_) {
    for (const auto part : parts) STRATA_CHECK(file.Write(part));
  }
  return file.Finish();
}

Result<IndexFile> IndexFile::Open(const std::string& path, IndexFileKind kind, std::uint32_t version) {
  IndexFile index;
  STRATA_TRY(index.file_, MappedFile::Open(path));
  std::span<const std::byte> rest = index.file_.bytes();
  Header header;
  if (rest.size() < sizeof(header)) return Fail(ErrorCode::kCorrupt, "{}: {} bytes is no index", path, rest.size());
  std::memcpy(&header, rest.data(), sizeof(header));
  if (header.magic != kMagic) return Fail(ErrorCode::kCorrupt, "{}: not an index file", path);
  if (header.kind != static_cast<std::uint32_t>(kind)) {
    return Fail(ErrorCode::kCorrupt, "{}: an index of kind {}, not {}", path, header.kind, std::to_underlying(kind));
  }
  if (header.version != version) {
    return Fail(ErrorCode::kCorrupt, "{}: version {} of the index, not {}", path, header.version, version);
  }
  rest = rest.subspan(sizeof(header));
  if (header.sections > (rest.size() - std::min(rest.size(), sizeof(std::uint64_t))) / sizeof(SectionEntry)) {
    return Fail(ErrorCode::kCorrupt, "{}: {} sections do not fit in it", path, header.sections);
  }
  std::vector<SectionEntry> entries(header.sections);
  const std::size_t table_bytes = entries.size() * sizeof(SectionEntry);
  if (!entries.empty()) std::memcpy(entries.data(), rest.data(), table_bytes);
  std::uint64_t table_hash = 0;
  if (rest.size() < table_bytes + sizeof(table_hash)) return Fail(ErrorCode::kCorrupt, "{}: it ends early", path);
  std::memcpy(&table_hash, rest.data() + table_bytes, sizeof(table_hash));
  if (Hash64(index.file_.bytes().first(sizeof(header) + table_bytes)) != table_hash) {
    return Fail(ErrorCode::kCorrupt, "{}: the checksum of its table does not fit", path);
  }
  rest = rest.subspan(table_bytes + sizeof(table_hash));
  for (const SectionEntry& entry : entries) {
    if (entry.bytes > rest.size()) return Fail(ErrorCode::kCorrupt, "{}: it ends early", path);
    const std::span<const std::byte> section = rest.first(entry.bytes);
    if (Hash64(section) != entry.hash) {
      return Fail(ErrorCode::kCorrupt, "{}: the checksum of section {} does not fit", path, index.sections_.size());
    }
    index.sections_.push_back(section);
    rest = rest.subspan(entry.bytes);
  }
  if (!rest.empty()) return Fail(ErrorCode::kCorrupt, "{}: {} bytes after its end", path, rest.size());
  index.sequence_ = header.sequence;
  return index;
}

Result<std::span<const std::byte>> IndexFile::NextBytes() {
  if (AtEnd()) return Fail(ErrorCode::kCorrupt, "{}: only {} sections", path(), next_);
  return sections_[next_++];
}

Status IndexFile::ExpectEnd() const {
  if (AtEnd()) return {};
  return Fail(ErrorCode::kCorrupt, "{}: {} sections, not {}", path(), sections_.size(), next_);
}

}  // namespace strata::knowledge
