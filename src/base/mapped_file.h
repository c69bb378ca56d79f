// A whole file mapped read-only. Pages are shared with the page cache, so a second process costs no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strata {

class MappedFile {
 public:
  /// Errors: kNotFound, kIo (with the path and the system's reason). An empty file maps to an empty span.
  static Result<MappedFile> Open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  std::size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// When the content last changed, in nanoseconds since 1970, as the file system tells it.
  std::int64_t modified() const { return modified_; }

  /// Hints to the kernel that all pages will be read soon.
  void WillNeed() const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::string path_;
  std::int64_t modified_ = 0;
};

/// Gives back the memory of whole pages inside `bytes`. Of a mapped file: this process no longer counts them, the page
/// cache may keep them, and who reads them again gets them again. Other memory reads as zeros then.
void DropPages(std::span<const std::byte> bytes);

/// The whole file as a string. Errors: kNotFound, kIo.
Result<std::string> ReadFile(const std::string& path);

/// Replaces `path` by `content` so that readers see the old or the new file, never a part (write, fsync, rename).
/// Errors: kIo.
Status WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace strata
