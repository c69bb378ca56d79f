// The pool of KV blocks: fixed blocks of 16 tokens over all layers, reference counted. Memory is reserved at once and
// touched when first used.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/mapped_memory.h"
#include "base/result.h"
#include "kernels/kernels.h"

namespace strata {

class KvPool {
 public:
  /// Errors: kResourceExhausted naming the bytes when the memory cannot be reserved.
  static Result<std::unique_ptr<KvPool>> Create(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim,
                                                DType dtype, std::int64_t blocks);

  std::int64_t blocks() const { return blocks_; }
  std::int64_t free_blocks() const { return static_cast<std::int64_t>(free_.size()); }
  std::uint64_t bytes() const { return memory_.size(); }
  DType dtype() const { return dtype_; }

  /// Appends `count` blocks (each with one reference) to `table`, or none. Errors: kResourceExhausted.
  Status Allocate(std::int64_t count, std::vector<std::int32_t>& table);
  void AddReference(std::int32_t block);
  /// Drops one reference; the last one frees the block.
  void Release(std::int32_t block);
  void Release(std::span<const std::int32_t> table);
  int references(std::int32_t block) const { return references_[static_cast<std::size_t>(block)]; }

  kernels::KvLayer layer(std::int64_t index) const;

  static std::int64_t BlocksFor(std::int64_t tokens) { return (tokens + kernels::kKvBlock - 1) / kernels::kKvBlock; }

 private:
  KvPool() = default;
  std::int64_t layers_ = 0, kv_heads_ = 0, head_dim_ = 0, blocks_ = 0;
  DType dtype_ = DType::kF32;
  MappedMemory memory_;  ///< [blocks][layers][BlockBytes]: what a sequence has lies together, on few pages
  std::vector<std::int32_t> free_;
  std::vector<std::int32_t> references_;
};

}  // namespace strata
