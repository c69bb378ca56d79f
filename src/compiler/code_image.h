// Machine code that runs wherever it is put: what the disk cache keeps, and what needs no LLVM to be loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::compiler {

/// Code and its constants. It refers to itself alone, relative to its own place, which begins at a page.
struct CodeImage {
  std::string bytes;
  std::vector<std::uint64_t> functions;  ///< where they begin, in the order of the expressions
};

std::string Serialize(const CodeImage& image);
/// Of what Serialize gave. Errors: kCorrupt.
Result<CodeImage> ParseCodeImage(std::string_view text);

/// An image in memory that can be executed and not written. Move-only.
class LoadedCode {
 public:
  /// Errors: kResourceExhausted with the system's words.
  static Result<LoadedCode> Load(const CodeImage& image);
  LoadedCode(LoadedCode&& other) noexcept;
  LoadedCode& operator=(LoadedCode&&) = delete;
  ~LoadedCode();

  std::byte* at(std::uint64_t offset) const { return memory_ + offset; }

 private:
  LoadedCode(std::byte* memory, std::size_t size) : memory_(memory), size_(size) {}
  std::byte* memory_;
  std::size_t size_;
};

}  // namespace strata::compiler
