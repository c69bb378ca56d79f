// A file that replaces what has its name whole or not at all: written beside its place, synced, then renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace strata {

class NewFile {
 public:
  /// Errors: kIo naming the path, here and below.
  static Result<NewFile> Create(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();  ///< without Finish nothing is left

  Status Write(std::span<const std::byte> bytes);
  /// From any thread; Write goes on where it was.
  Status WriteAt(std::size_t offset, std::span<const std::byte> bytes);
  /// The file has so many bytes now, and the disk has room for them.
  Status Reserve(std::size_t bytes);

  /// kSynced: on the disk before the name is.
  enum class Durability : std::uint8_t { kNone, kSynced };
  Status Finish(Durability durability = Durability::kSynced);

  /// Open for reading and writing until Finish.
  int descriptor() const { return descriptor_; }

 private:
  explicit NewFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
  std::size_t end_ = 0;  ///< of what Write wrote
};

}  // namespace strata
