#include "runtime/mapped_memory.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace strata {

Result<MappedMemory> MappedMemory::Map(std::size_t bytes, std::string_view purpose) {
  MappedMemory memory;
  if (bytes == 0) return memory;
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return Fail(ErrorCode::kResourceExhausted, "{}: cannot map {} bytes: {}", purpose, bytes, std::strerror(errno));
  }
  ::madvise(address, bytes, MADV_HUGEPAGE);  // a hint: without it everything works, with more TLB misses
  memory.data_ = static_cast<std::byte*>(address);
  memory.size_ = bytes;
  return memory;
}

MappedMemory::~MappedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace strata
