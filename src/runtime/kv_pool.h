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
#include "kernels/latent_attention.h"

namespace strata {

/// What each token keeps in each layer: keys and values of KV heads, or one latent row that all heads share.
struct KvShape {
  std::int64_t layers = 0;
  std::int64_t kv_heads = 0, head_dim = 0;
  std::int64_t kv_rank = 0, rope_dim = 0;  ///< of latent rows; kv_rank 0: keys and values
  DType dtype = DType::kF32;

  /// Of a block in one layer.
  std::int64_t BlockBytes() const {
    return kv_rank > 0 ? kernels::LatentKvLayer::BlockBytes(kv_rank, rope_dim, dtype)
                       : kernels::KvLayer::BlockBytes(kv_heads, head_dim, dtype);
  }
};

class KvPool {
 public:
  /// Errors: kResourceExhausted naming the bytes when the memory cannot be reserved.
  static Result<std::unique_ptr<KvPool>> Create(const KvShape& shape, std::int64_t blocks);

  std::int64_t blocks() const { return blocks_; }
  std::int64_t free_blocks() const { return static_cast<std::int64_t>(free_.size()); }
  std::uint64_t bytes() const { return memory_.size(); }
  const KvShape& shape() const { return shape_; }

  /// Appends `count` blocks (each with one reference) to `table`, or none. Errors: kResourceExhausted.
  Status Allocate(std::int64_t count, std::vector<std::int32_t>& table);
  void AddReference(std::int32_t block);
  /// Drops one reference; the last one frees the block.
  void Release(std::int32_t block);
  void Release(std::span<const std::int32_t> table);
  int references(std::int32_t block) const { return references_[static_cast<std::size_t>(block)]; }

  kernels::KvLayer layer(std::int64_t index) const;               ///< of a shape with keys and values (assert)
  kernels::LatentKvLayer latent_layer(std::int64_t index) const;  ///< of one with latent rows (assert)

  static std::int64_t BlocksFor(std::int64_t tokens) { return (tokens + kernels::kKvBlock - 1) / kernels::kKvBlock; }

 private:
  KvPool() = default;
  std::byte* LayerBase(std::int64_t index) const { return memory_.data() + index * shape_.BlockBytes(); }

  KvShape shape_;
  std::int64_t blocks_ = 0;
  MappedMemory memory_;  ///< [blocks][layers][BlockBytes]: what a sequence has lies together, on few pages
  std::vector<std::int32_t> free_;
  std::vector<std::int32_t> references_;
};

}  // namespace strata
