#include "base/mapped_memory.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

namespace strata {

Result<MappedMemory> MappedMemory::Map(std::size_t bytes, std::string_view purpose, Pages pages) {
  MappedMemory memory;
  if (bytes == 0) return memory;
  // Huge pages begin at multiples of their size: of what is mapped more, only that is kept which makes this one.
  const std::size_t more = pages == Pages::kHuge && bytes >= kHugePage ? kHugePage : 0;
  void* const mapped =
      ::mmap(nullptr, bytes + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return Fail(ErrorCode::kResourceExhausted, "{}: cannot map {} bytes: {}", purpose, bytes, std::strerror(errno));
  }
  std::byte* address = static_cast<std::byte*>(mapped);
  if (more > 0) {
    const std::size_t before = (more - reinterpret_cast<std::uintptr_t>(mapped) % more) % more;
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t end = (before + bytes + page - 1) / page * page;
    if (before > 0) ::munmap(address, before);
    if (end < bytes + more) ::munmap(address + end, bytes + more - end);
    address += before;
  }
  // A hint: without it everything works. Small pages are asked for as well, since the system's default may be huge.
  ::madvise(address, bytes, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  memory.data_ = address;
  memory.size_ = bytes;
  return memory;
}

Status MappedMemory::Cover(int descriptor) {
  if (size_ == 0) return {};
  if (::mmap(data_, size_, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0) == MAP_FAILED) {
    return Fail(ErrorCode::kIo, "cannot map a file of {} bytes: {}", size_, std::strerror(errno));
  }
  anonymous_ = false;
  ::madvise(data_, size_, MADV_HUGEPAGE);
  return {};
}

Status MappedMemory::MakeOwn(std::size_t offset, std::size_t bytes) {
  STRATA_TRY(MappedMemory copy, Map(bytes, "a copy of mapped memory"));
  std::memcpy(copy.data_, data_ + offset, bytes);
  // Who reads there meanwhile waits in a page fault at most: both are under the lock of the address space.
  if (::mprotect(copy.data_, bytes, PROT_READ) != 0 ||
      ::mremap(copy.data_, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, data_ + offset) == MAP_FAILED) {
    return Fail(ErrorCode::kResourceExhausted, "cannot move {} bytes: {}", bytes, std::strerror(errno));
  }
  copy.data_ = nullptr;  // it is part of this now
  return {};
}

std::size_t MappedMemory::MakePagesHuge(const std::stop_token& stop) {
  const auto collapse = [](std::byte* page) {
    constexpr int kCollapse = 25;  // MADV_COLLAPSE, which the headers of Debian 12 lack
    return ::madvise(page, kHugePage, kCollapse) == 0 ? 0 : errno;
  };
  std::size_t small = 0;
  for (std::size_t at = 0; at + kHugePage <= size_ && !stop.stop_requested(); at += kHugePage) {
    int error = collapse(data_ + at);
    if (error == EAGAIN) error = collapse(data_ + at);  // pages just on their way between the kernel's lists
    if (error == EAGAIN || error == ENOMEM) ++small;
  }
  return small;
}

MappedMemory::~MappedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace strata
