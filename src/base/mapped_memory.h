// Memory from the kernel: zeroed, page-aligned, touched when first used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace strata {

class MappedMemory {
 public:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  /// kHuge: a page is 2 MiB where the kernel has one, which saves TLB misses and faults where all of it is used.
  /// kSmall: what is touched counts by 4 KiB.
  enum class Pages : std::uint8_t { kSmall, kHuge };

  /// Errors: kResourceExhausted naming `purpose` and the bytes.
  static Result<MappedMemory> Map(std::size_t bytes, std::string_view purpose, Pages pages = Pages::kHuge);

  MappedMemory() = default;
  MappedMemory(MappedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        anonymous_(std::exchange(other.anonymous_, true)) {}
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(anonymous_, other.anonymous_);
    return *this;
  }
  ~MappedMemory();

  /// From now on these are the file's first bytes, to be read alone: pages of the page cache, which can be had back
  /// from the file and are shared with whoever else maps it. What was here is lost, also where this fails. Errors: kIo.
  Status Cover(int descriptor);

  /// The bytes [offset, offset + bytes) of the file that Cover put here become the process's own: a copy in anonymous
  /// memory, which takes their place at once for whoever reads them meanwhile. Both are multiples of kHugePage, but for
  /// the end of the memory. Errors: kResourceExhausted; they stay the file's then.
  Status MakeOwn(std::size_t offset, std::size_t bytes);

  /// The kernel makes those pages huge that became small ones because it had no huge one at hand when they were first
  /// touched: up to a quarter of many gigabytes beside a full page cache, and small pages that lie scattered are read
  /// six times as slowly. For memory all of which is in use; ends early when asked to. Returns how many it has no huge
  /// one for even now, for whom it may have one soon. A hint; Linux has it since 6.1.
  std::size_t MakePagesHuge(const std::stop_token& stop = {});

  /// Since it was mapped, of the process alone, which nothing else can use as long as they are wanted.
  bool anonymous() const { return anonymous_; }
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool anonymous_ = true;
};

}  // namespace strata
