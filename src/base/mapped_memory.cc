#include "base/mapped_memory.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace strata {

Result<MappedMemory> MappedMemory::Map(std::size_t bytes, std::string_view purpose, Pages pages) {
  MappedMemory memory;
  if (bytes == 0) return memory;
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return Fail(ErrorCode::kResourceExhausted, "{}: cannot map {} bytes: {}", purpose, bytes, std::strerror(errno));
  }
  // A hint: without it everything works. Small pages are asked for as well, since the system's default may be huge.
  ::madvise(address, bytes, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  memory.data_ = static_cast<std::byte*>(address);
  memory.size_ = bytes;
  return memory;
}

MappedMemory::~MappedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace strata
