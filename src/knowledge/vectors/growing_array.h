// Rows of bytes that stay where they are while more are added, so that readers need no lock: blocks, each twice as
// large as the one before. Memory is the kernel's until a row is written; fresh rows are zero.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/mapped_memory.h"

namespace strata::knowledge {

class GrowingArray {
 public:
  explicit GrowingArray(std::size_t row_bytes) : row_bytes_(row_bytes) {}

  std::size_t row_bytes() const { return row_bytes_; }

  /// Of one writer, before anybody learns of the row. Throws bad_alloc, as every container does.
  void Reserve(std::uint32_t row) {
    const Place place = PlaceOf(row);
    if (blocks_[place.block].load(std::memory_order_relaxed) != nullptr) return;
    auto memory = MappedMemory::Map((kFirst << place.block) * row_bytes_, "vector index");
    if (!memory) throw std::bad_alloc();
    memory_[place.block] = std::move(*memory);
    blocks_[place.block].store(memory_[place.block].data(), std::memory_order_release);
  }

  std::byte* operator[](std::uint32_t row) const {
    const Place place = PlaceOf(row);
    return blocks_[place.block].load(std::memory_order_acquire) + place.row * row_bytes_;
  }

  bool Has(std::uint32_t row) const { return blocks_[PlaceOf(row).block].load(std::memory_order_acquire) != nullptr; }

 private:
  static constexpr std::size_t kFirst = 1024;
  static constexpr std::size_t kBlocks = 23;  // enough for 2^32 rows

  struct Place {
    std::size_t block, row;
  };
  static Place PlaceOf(std::uint32_t row) {
    const std::size_t from_one = row + kFirst;
    const auto block = static_cast<std::size_t>(std::bit_width(from_one) - std::bit_width(kFirst));
    return {block, from_one - (kFirst << block)};
  }

  std::size_t row_bytes_;
  std::array<std::atomic<std::byte*>, kBlocks> blocks_ = {};
  std::array<MappedMemory, kBlocks> memory_;
};

/// Numbers in one, which readers and the writer may touch at the same time.
template <class T>
class GrowingNumbers {
 public:
  void Reserve(std::uint32_t row) { rows_.Reserve(row); }
  bool Has(std::uint32_t row) const { return rows_.Has(row); }
  T Load(std::uint32_t row) const { return At(row).load(std::memory_order_acquire); }
  void Store(std::uint32_t row, T value) { At(row).store(value, std::memory_order_release); }

 private:
  std::atomic_ref<T> At(std::uint32_t row) const { return std::atomic_ref<T>(*reinterpret_cast<T*>(rows_[row])); }

  GrowingArray rows_{sizeof(T)};
};

}  // namespace strata::knowledge
