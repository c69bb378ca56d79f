// A file that replaces what has its name whole or not at all: written beside its place, synced, then renamed.
#pragma once

#include <cstddef>
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
  Status Finish();

 private:
  explicit NewFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

}  // namespace strata
