// The file that an index is kept in between two runs: sections of plain numbers, each with its checksum, so that a bit
// that flipped anywhere is found before anything is made of it. What is in it can be made again from the store.
//
//   IndexFileWriter writer(kKind, kVersion, sequence);
//   writer.Add(ids);                                   // any contiguous range of trivial values; must live until Write
//   STRATA_CHECK(writer.Write(path));
//
//   STRATA_TRY(auto file, IndexFile::Open(path, kKind, kVersion));
//   STRATA_TRY(std::vector<std::uint32_t> ids, file.Next<std::uint32_t>());
//
// Layout, little endian: magic, kind, version, sequence, number of sections; for each its bytes and xxh3 hash; the hash
// of all that; the sections.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "knowledge/types.h"

namespace strata::knowledge {

static_assert(std::endian::native == std::endian::little, "index files are little endian");

enum class IndexFileKind : std::uint32_t { kLexical = 1, kVectors = 2 };

class IndexFileWriter {
 public:
  IndexFileWriter(IndexFileKind kind, std::uint32_t version, Sequence sequence)
      : kind_(kind), version_(version), sequence_(sequence) {}

  template <std::ranges::contiguous_range Range>
  void Add(const Range& values) {
    static_assert(std::has_unique_object_representations_v<std::ranges::range_value_t<Range>> ||
                      std::is_floating_point_v<std::ranges::range_value_t<Range>>,
                  "padding would be written");
    AddBytes(std::as_bytes(std::span(values)));
  }
  /// A section in parts, as memory has it.
  void AddParts(std::vector<std::span<const std::byte>> parts) { sections_.push_back(std::move(parts)); }

  /// Atomic. Errors: kIo.
  Status Write(const std::string& path) const;

 private:
  void AddBytes(std::span<const std::byte> bytes) { sections_.push_back({bytes}); }

  IndexFileKind kind_;
  std::uint32_t version_;
  Sequence sequence_;
  std::vector<std::vector<std::span<const std::byte>>> sections_;
};

class IndexFile {
 public:
  /// Errors: kNotFound; kCorrupt naming the path and what is wrong: not an index file, another kind or version, a
  /// length or checksum that does not fit.
  static Result<IndexFile> Open(const std::string& path, IndexFileKind kind, std::uint32_t version);

  Sequence sequence() const { return sequence_; }
  const std::string& path() const { return file_.path(); }

  /// The next section. Errors: kCorrupt when there is none, or when it is not a whole number of values.
  template <class T>
  Result<std::vector<T>> Next() {
    static_assert(std::is_trivially_copyable_v<T>);
    STRATA_TRY(const std::span<const std::byte> bytes, NextBytes());
    if (bytes.size() % sizeof(T) != 0) {
      return Fail(ErrorCode::kCorrupt, "{}: a section of {} bytes where values have {}", path(), bytes.size(),
                  sizeof(T));
    }
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  /// As it lies in the file, as long as this lives.
  Result<std::span<const std::byte>> NextBytes();
  bool AtEnd() const { return next_ == sections_.size(); }
  /// Errors: kCorrupt when sections are left.
  Status ExpectEnd() const;

 private:
  MappedFile file_;
  Sequence sequence_ = 0;
  std::vector<std::span<const std::byte>> sections_;
  std::size_t next_ = 0;
};

}  // namespace strata::knowledge
