// The kernels' door to multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1). The cache holds one
// row a token, [latent | rotated key], which all heads share.
//
// Queries pass over positions in lanes: a lane is one (row, head), no sum crosses lanes, and a lane's bits depend on
// nothing but its own query, its position and what it sees. The same loops serve both forms of the computation:
// absorbed, where queries were brought into latent space and keys and values are the cache's rows as they lie there;
// and expanded, where a head's keys and values were made of them.
//
//   const LatentKernel* kernel = SelectLatentAttention(kv_rank, rope_dim, Cpu(), &log);   // never null
//   kernel->store(store, sequence, 0, rows);
//   kernel->attend_cache(lanes, cache, block_table);
//   kernel->merge(part, value_dim, state);
//   kernel->finish(state, value_dim, out);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"

namespace strata::kernels {

/// The paged cache of one layer: block b has kKvBlock rows of `width` values. Behind each row of integers (and what
/// brings it to a multiple of four bytes) are the scales of its groups: kLatentGroup columns of the latent each, then
/// as many of the key each, which is of another magnitude.
inline constexpr std::int64_t kLatentGroup = 128;
struct LatentKvLayer {
  std::byte* base;
  std::int64_t kv_rank;
  std::int64_t rope_dim;
  DType dtype;                ///< kF32, kF16, kBF16 or kI8; see KvLayer for how values are rounded
  std::int64_t block_stride;  ///< bytes

  std::int64_t width() const { return kv_rank + rope_dim; }
  static std::int64_t Groups(std::int64_t columns) { return (columns + kLatentGroup - 1) / kLatentGroup; }
  static std::int64_t RowBytes(std::int64_t kv_rank, std::int64_t rope_dim, DType dtype) {
    const std::int64_t values = (kv_rank + rope_dim) * KvLayer::ValueBytes(dtype);
    return HasScales(dtype) ? (values + 3) / 4 * 4 + 4 * (Groups(kv_rank) + Groups(rope_dim)) : values;
  }
  static std::int64_t BlockBytes(std::int64_t kv_rank, std::int64_t rope_dim, DType dtype) {
    return kKvBlock * RowBytes(kv_rank, rope_dim, dtype);
  }
  /// T: float; std::uint16_t for kF16 and kBF16, std::int8_t for kI8.
  template <class T>
  T* row(std::int64_t block, std::int64_t slot) const {
    return reinterpret_cast<T*>(base + block * block_stride + slot * RowBytes(kv_rank, rope_dim, dtype));
  }
  /// Of the integers of a row, that of the group in which a column is.
  float& scale(std::int64_t block, std::int64_t slot, std::int64_t column) const {
    auto* scales = reinterpret_cast<float*>(row<std::byte>(block, slot) + (width() + 3) / 4 * 4);
    return column < kv_rank ? scales[column / kLatentGroup]
                            : scales[Groups(kv_rank) + (column - kv_rank) / kLatentGroup];
  }
  /// The first column behind that group.
  std::int64_t group_end(std::int64_t column) const {
    const std::int64_t begin = column < kv_rank ? 0 : kv_rank;
    const std::int64_t end = begin + ((column - begin) / kLatentGroup + 1) * kLatentGroup;
    const std::int64_t last = column < kv_rank ? kv_rank : width();
    return end < last ? end : last;
  }
};

/// What a step gives the cache, and queries to rotate.
struct LatentStoreArgs {
  float* q;               ///< [T, heads * (nope_dim + rope_dim)]: the last rope_dim of each head are rotated in place
  std::int64_t q_stride;  ///< floats, as all strides here
  std::int64_t heads;
  std::int64_t head_dim;  ///< nope_dim + rope_dim
  const float* latent;    ///< [T, kv_rank], normed
  std::int64_t latent_stride;
  std::int64_t kv_rank;
  const float* key;  ///< [T, rope_dim]
  std::int64_t key_stride;
  RopeArgs rope;
  LatentKvLayer kv;
};

/// Of a lane, over the positions seen so far: the unnormalised output [value_dim], behind it the greatest score and the
/// sum of the weights, in the kernel's own units.
inline std::int64_t LaneState(std::int64_t value_dim) { return value_dim + 2; }

struct Lane {
  const float* query;     ///< [key_dim]
  float* state;           ///< [LaneState(value_dim)]
  std::int64_t position;  ///< the last one that it sees
};

/// Lanes against positions [begin, end), which lie in one stretch of kAttentionSplit; states are of these alone.
struct LaneArgs {
  std::span<const Lane> lanes;  ///< at most LatentKernel::lanes
  std::int64_t key_dim;
  std::int64_t value_dim;
  float scale;
  std::int64_t begin, end;
};

/// Row i is position LaneArgs::begin + i.
struct KeysAndValues {
  const float* keys;
  std::int64_t key_stride;
  const float* values;
  std::int64_t value_stride;
};

/// Of any kernel.
inline constexpr std::int64_t kMaxLanes = 32;

struct LatentKernel {
  std::string_view name;
  std::int64_t lanes;  ///< that pass over positions together, at most kMaxLanes
  std::string (*refuses)(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures&);
  /// Rows [begin, end) of the sequence (0 = its first): rotates q (in place) and the key, writes latent and key into
  /// the cache.
  void (*store)(const LatentStoreArgs&, const SequenceRows&, std::int64_t row_begin, std::int64_t row_end);
  /// Columns [column, column + columns) of the cache's positions [begin, end) as f32 rows.
  void (*load)(const LatentKvLayer&, const std::int32_t* block_table, std::int64_t begin, std::int64_t end,
               std::int64_t column, std::int64_t columns, float* out, std::int64_t out_stride);
  /// Keys are the cache's rows (key_dim = width), values their first value_dim columns.
  void (*attend_cache)(const LaneArgs&, const LatentKvLayer&, const std::int32_t* block_table);
  void (*attend_rows)(const LaneArgs&, const KeysAndValues&);
  /// Adds the state of the next stretch to that of those before it.
  void (*merge)(const float* part, std::int64_t value_dim, float* state);
  /// out [value_dim] = the state's output over its sum of weights; may be the state.
  void (*finish)(const float* state, std::int64_t value_dim, float* out);
};

/// In order of preference; the last accepts everything.
std::span<const LatentKernel* const> LatentKernels();
const LatentKernel* SelectLatentAttention(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures&,
                                          std::vector<Choice>* log = nullptr);

}  // namespace strata::kernels
