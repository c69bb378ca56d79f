#include "compiler/code_image.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/mman.h>

namespace strata::compiler {

// The number of functions, their places, the bytes; integers of 64 bits, little-endian as all that strata runs on.
std::string Serialize(const CodeImage& image) {
  const std::uint64_t count = image.functions.size();
  std::string text(reinterpret_cast<const char*>(&count), sizeof count);
  text.append(reinterpret_cast<const char*>(image.functions.data()), count * sizeof(std::uint64_t));
  return text + image.bytes;
}

Result<CodeImage> ParseCodeImage(std::string_view text) {
  const auto damaged = [] { return Fail(ErrorCode::kCorrupt, "no image of code"); };
  std::uint64_t count = 0;
  if (text.size() < sizeof count) return damaged();
  std::memcpy(&count, text.data(), sizeof count);
  text.remove_prefix(sizeof count);
  if (count > text.size() / sizeof count) return damaged();
  CodeImage image;
  image.functions.resize(count);
  std::memcpy(image.functions.data(), text.data(), count * sizeof count);
  image.bytes = text.substr(count * sizeof count);
  for (const std::uint64_t function : image.functions) {
    if (function >= image.bytes.size()) return damaged();
  }
  return image;
}

Result<LoadedCode> LoadedCode::Load(const CodeImage& image) {
  const std::size_t size = image.bytes.size();
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return Fail(ErrorCode::kResourceExhausted, "memory for compiled code: {}", std::strerror(errno));
  }
  LoadedCode loaded(static_cast<std::byte*>(memory), size);
  std::memcpy(memory, image.bytes.data(), size);
  if (::mprotect(memory, size, PROT_READ | PROT_EXEC) != 0) {
    return Fail(ErrorCode::kResourceExhausted, "compiled code may not be executed: {}", std::strerror(errno));
  }
  return loaded;
}

LoadedCode::LoadedCode(LoadedCode&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}

LoadedCode::~LoadedCode() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

}  // namespace strata::compiler
