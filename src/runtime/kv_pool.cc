#include "runtime/kv_pool.h"

#include <cassert>

namespace strata {

Result<std::unique_ptr<KvPool>> KvPool::Create(const KvShape& shape, std::int64_t blocks) {
  std::unique_ptr<KvPool> pool(new KvPool);
  const auto bytes = static_cast<std::size_t>(shape.layers * blocks * shape.BlockBytes());
  STRATA_TRY(pool->memory_, MappedMemory::Map(bytes, "the KV cache"));
  pool->shape_ = shape;
  pool->blocks_ = blocks;
  pool->references_.assign(static_cast<std::size_t>(blocks), 0);
  pool->free_.resize(static_cast<std::size_t>(blocks));
  // A stack whose top is block 0: what was used last is used next, while its pages are warm.
  for (std::int64_t i = 0; i < blocks; ++i) {
    pool->free_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(blocks - 1 - i);
  }
  return pool;
}

Status KvPool::Allocate(std::int64_t count, std::vector<std::int32_t>& table) {
  if (count > free_blocks()) {
    return Fail(ErrorCode::kResourceExhausted, "the KV cache has {} free blocks of {} tokens, {} are needed",
                free_blocks(), kernels::kKvBlock, count);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t block = free_.back();
    free_.pop_back();
    references_[static_cast<std::size_t>(block)] = 1;
    table.push_back(block);
  }
  return {};
}

void KvPool::AddReference(std::int32_t block) {
  assert(references(block) > 0);
  ++references_[static_cast<std::size_t>(block)];
}

void KvPool::Release(std::int32_t block) {
  assert(references(block) > 0);
  if (--references_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
}

void KvPool::Release(std::span<const std::int32_t> table) {
  for (const std::int32_t block : table) Release(block);
}

kernels::KvLayer KvPool::layer(std::int64_t index) const {
  assert(shape_.kv_rank == 0);
  return {LayerBase(index), shape_.kv_heads, shape_.head_dim, shape_.dtype, shape_.layers * shape_.BlockBytes()};
}

kernels::LatentKvLayer KvPool::latent_layer(std::int64_t index) const {
  assert(shape_.kv_rank > 0);
  return {LayerBase(index), shape_.kv_rank, shape_.rope_dim, shape_.dtype, shape_.layers * shape_.BlockBytes()};
}

}  // namespace strata
