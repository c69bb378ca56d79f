// Inside the kernels only: latent attention as every vector instruction set does it. Up to 2 kWidth lanes pass over the
// positions of a stretch in spans of one cache block: scores [positions][lanes], softmax lane by lane, values
// [value_dim][lanes]. All that lanes share (a key's or a value's element) is broadcast, so the cache's rows are read as
// they lie there and sums go in the order of dimensions and of positions. Each file that includes this gets its own
// copy, compiled for its instruction set, which it passes as Isa:
//
//   struct Isa {
//     using Vector = ...;             // kWidth floats
//     static constexpr int kWidth;
//     static constexpr int kTile;     // sums of so many rows (of positions, or of value dimensions) are in registers
//     static Vector Load(const float*); static void Store(float*, Vector); static Vector Set1(float);   // aligned
//     static Vector Fma(Vector a, Vector b, Vector c);   // a b + c
//     static Vector Add(Vector, Vector); Sub; Mul; Max;
//     static Vector Exp2(Vector);                                        // of x <= 0
//     static Vector Where(Vector a, Vector limit, Vector yes, Vector no);   // yes where a <= limit
//     static void Widen(const std::uint16_t* f16, std::int64_t count, float* out);    // any count
//     static void Narrow(const float*, std::int64_t count, std::uint16_t* f16);      // clamped; any count
//     static float RoundRow(const float*, std::int64_t count, float most, float longest, std::int16_t* out);
//   };
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/attention_store.h"
#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

constexpr float kUnseen = -1e30f;  // the score of what a lane does not see, in units of log2: never NaN, weight 0

/// Lanes at work, transposed: element l of each row is lane l's.
template <class Isa>
struct LaneTile {
  static constexpr std::int64_t kLanes = 2 * Isa::kWidth;
  alignas(64) float query[kMaxLatentWidth][kLanes];
  alignas(64) float out[kMaxLatentWidth][kLanes];
  alignas(64) float weight[kKvBlock][kLanes];  ///< of a span: scores, then exp(score - max)
  alignas(64) float max[kLanes];
  alignas(64) float sum[kLanes];
  alignas(64) float correction[kLanes];
  alignas(64) float position[kLanes];                  ///< exact in f32: below 2^24
  alignas(64) float wide[kKvBlock * kMaxLatentWidth];  ///< a block of a cache that is not f32
};

/// Calls step.template operator()<n>(i) for [0, count) in pieces of n = kTile and, behind these, of powers of two.
template <int kTile, class Step>
inline void InTiles(std::int64_t count, const Step& step) {
  std::int64_t i = 0;
  for (; i + kTile <= count; i += kTile) step.template operator()<kTile>(i);
  if constexpr (kTile > 1) {
    if (i < count)
      InTiles<kTile / 2>(count - i, [&]<int kRows>(std::int64_t at) { step.template operator()<kRows>(i + at); });
  }
}

/// Positions of a span, as f32 rows.
struct LaneSpan {
  KeysAndValues rows;
  std::int64_t begin;      ///< position of the first
  std::int64_t positions;  ///< <= kKvBlock
};

template <class Isa, int kVectors>
void ScoreSpan(const LaneSpan& span, std::int64_t key_dim, LaneTile<Isa>& tile) {
  InTiles<Isa::kTile>(span.positions, [&]<int kRows>(std::int64_t first) {
    typename Isa::Vector sums[kRows][kVectors];
    for (auto& row : sums) {
      for (auto& sum : row) sum = Isa::Set1(0);
    }
    const float* keys = span.rows.keys + first * span.rows.key_stride;
    for (std::int64_t d = 0; d < key_dim; ++d) {
      typename Isa::Vector q[kVectors];
      for (int v = 0; v < kVectors; ++v) q[v] = Isa::Load(tile.query[d] + v * Isa::kWidth);
      for (int r = 0; r < kRows; ++r) {
        const auto key = Isa::Set1(keys[r * span.rows.key_stride + d]);
        for (int v = 0; v < kVectors; ++v) sums[r][v] = Isa::Fma(key, q[v], sums[r][v]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) Isa::Store(tile.weight[first + r] + v * Isa::kWidth, sums[r][v]);
    }
  });
}

template <class Isa, int kVectors>
void SoftmaxSpan(const LaneSpan& span, float scale_log2, LaneTile<Isa>& tile) {
  const auto scale = Isa::Set1(scale_log2);
  for (int v = 0; v < kVectors; ++v) {
    const std::int64_t lane = v * Isa::kWidth;
    const auto position = Isa::Load(tile.position + lane);
    const auto old_max = Isa::Load(tile.max + lane);
    auto max = old_max;
    for (std::int64_t p = 0; p < span.positions; ++p) {
      const auto score = Isa::Mul(Isa::Load(tile.weight[p] + lane), scale);
      const auto seen = Isa::Where(Isa::Set1(static_cast<float>(span.begin + p)), position, score, Isa::Set1(kUnseen));
      Isa::Store(tile.weight[p] + lane, seen);
      max = Isa::Max(max, seen);
    }
    const auto correction = Isa::Exp2(Isa::Sub(old_max, max));
    auto sum = Isa::Mul(Isa::Load(tile.sum + lane), correction);
    for (std::int64_t p = 0; p < span.positions; ++p) {
      const auto weight = Isa::Exp2(Isa::Sub(Isa::Load(tile.weight[p] + lane), max));
      // Of a lane that has seen nothing yet, max is kUnseen itself.
      const auto seen = Isa::Where(Isa::Set1(static_cast<float>(span.begin + p)), position, weight, Isa::Set1(0));
      Isa::Store(tile.weight[p] + lane, seen);
      sum = Isa::Add(sum, seen);
    }
    Isa::Store(tile.correction + lane, correction);
    Isa::Store(tile.sum + lane, sum);
    Isa::Store(tile.max + lane, max);
  }
}

template <class Isa, int kVectors>
void ValueSpan(const LaneSpan& span, std::int64_t value_dim, LaneTile<Isa>& tile) {
  typename Isa::Vector correction[kVectors];
  for (int v = 0; v < kVectors; ++v) correction[v] = Isa::Load(tile.correction + v * Isa::kWidth);
  InTiles<Isa::kTile>(value_dim, [&]<int kDims>(std::int64_t first) {
    typename Isa::Vector out[kDims][kVectors];
    for (int d = 0; d < kDims; ++d) {
      for (int v = 0; v < kVectors; ++v) {
        out[d][v] = Isa::Mul(Isa::Load(tile.out[first + d] + v * Isa::kWidth), correction[v]);
      }
    }
    const float* values = span.rows.values + first;
    for (std::int64_t p = 0; p < span.positions; ++p, values += span.rows.value_stride) {
      typename Isa::Vector weight[kVectors];
      for (int v = 0; v < kVectors; ++v) weight[v] = Isa::Load(tile.weight[p] + v * Isa::kWidth);
      for (int d = 0; d < kDims; ++d) {
        const auto value = Isa::Set1(values[d]);
        for (int v = 0; v < kVectors; ++v) out[d][v] = Isa::Fma(value, weight[v], out[d][v]);
      }
    }
    for (int d = 0; d < kDims; ++d) {
      for (int v = 0; v < kVectors; ++v) Isa::Store(tile.out[first + d] + v * Isa::kWidth, out[d][v]);
    }
  });
}

/// Calls move(lane, dimension) for all of both, by blocks of dimensions whose rows stay in L1 from lane to lane.
template <class Move>
inline void ForLanesByBlocks(std::int64_t lanes, std::int64_t dimensions, const Move& move) {
  constexpr std::int64_t kBlock = 16;
  for (std::int64_t begin = 0; begin < dimensions; begin += kBlock) {
    const std::int64_t end = begin + kBlock < dimensions ? begin + kBlock : dimensions;
    for (std::int64_t l = 0; l < lanes; ++l) {
      for (std::int64_t d = begin; d < end; ++d) move(l, d);
    }
  }
}

/// span_at(position, positions): the span that begins there.
template <class Isa, int kVectors, class SpanAt>
void AttendLanes(const LaneArgs& args, LaneTile<Isa>& tile, const SpanAt& span_at) {
  constexpr float kLog2 = 1.44269504f;  // the softmax is taken in powers of two
  constexpr std::int64_t kLanes = kVectors * Isa::kWidth;
  const auto count = static_cast<std::int64_t>(args.lanes.size());
  std::int64_t end = args.begin;
  for (std::int64_t l = 0; l < kLanes; ++l) {
    const Lane* lane = l < count ? &args.lanes[static_cast<std::size_t>(l)] : nullptr;
    tile.max[l] = kUnseen;
    tile.sum[l] = 0.0f;
    const std::int64_t position = lane != nullptr ? lane->position : -1;
    tile.position[l] = static_cast<float>(position);
    end = end < position + 1 ? position + 1 : end;
  }
  end = end < args.end ? end : args.end;
  for (std::int64_t d = 0; d < args.key_dim; ++d) {
    for (std::int64_t l = count; l < kLanes; ++l) tile.query[d][l] = 0.0f;
  }
  for (std::int64_t d = 0; d < args.value_dim; ++d) {
    for (std::int64_t l = 0; l < kLanes; ++l) tile.out[d][l] = 0.0f;
  }
  const std::span<const Lane> lanes = args.lanes;
  ForLanesByBlocks(count, args.key_dim, [&](std::int64_t l, std::int64_t d) {
    tile.query[d][l] = lanes[static_cast<std::size_t>(l)].query[d];
  });
  for (std::int64_t begin = args.begin; begin < end; begin += kKvBlock) {
    const LaneSpan span = span_at(begin, end - begin < kKvBlock ? end - begin : kKvBlock);
    ScoreSpan<Isa, kVectors>(span, args.key_dim, tile);
    SoftmaxSpan<Isa, kVectors>(span, args.scale * kLog2, tile);
    ValueSpan<Isa, kVectors>(span, args.value_dim, tile);
  }
  ForLanesByBlocks(count, args.value_dim, [&](std::int64_t l, std::int64_t d) {
    lanes[static_cast<std::size_t>(l)].state[d] = tile.out[d][l];
  });
  for (std::int64_t l = 0; l < count; ++l) {
    float* state = lanes[static_cast<std::size_t>(l)].state;
    state[args.value_dim] = tile.max[l];
    state[args.value_dim + 1] = tile.sum[l];
  }
}

template <class Isa, class SpanAt>
void AttendLanes(const LaneArgs& args, LaneTile<Isa>& tile, const SpanAt& span_at) {
  if (args.lanes.size() <= Isa::kWidth) return AttendLanes<Isa, 1>(args, tile, span_at);
  AttendLanes<Isa, 2>(args, tile, span_at);
}

/// Columns [column, column + columns) of a stored row as f32.
template <class Isa>
void WidenRow(const LatentKvLayer& kv, std::int64_t block, std::int64_t slot, std::int64_t column, std::int64_t columns,
              float* out) {
  if (kv.dtype == DType::kF32) {
    const float* row = kv.row<float>(block, slot) + column;
    for (std::int64_t i = 0; i < columns; ++i) out[i] = row[i];
  } else if (kv.dtype == DType::kI8) {
    const std::int64_t last = column + columns;
    const std::int8_t* row = kv.row<std::int8_t>(block, slot);
    while (column < last) {
      const std::int64_t end = kv.group_end(column) < last ? kv.group_end(column) : last;
      const std::int64_t count = end - column;
      const float scale = kv.scale(block, slot, column);
      for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(row[column + i]) * scale;
      column = end;
      out += count;
    }
  } else if (kv.dtype == DType::kF16) {
    Isa::Widen(kv.row<std::uint16_t>(block, slot) + column, columns, out);
  } else {
    const std::uint16_t* row = kv.row<std::uint16_t>(block, slot) + column;
    for (std::int64_t i = 0; i < columns; ++i) out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(row[i]) << 16);
  }
}

template <class Isa>
void AttendCache(const LaneArgs& args, const LatentKvLayer& kv, const std::int32_t* block_table) {
  LaneTile<Isa> tile;
  AttendLanes<Isa>(args, tile, [&](std::int64_t begin, std::int64_t positions) {
    const std::int32_t block = block_table[begin / kKvBlock];
    const std::int64_t width = kv.width();
    const float* rows = kv.dtype == DType::kF32 ? kv.row<float>(block, 0) : tile.wide;
    if (kv.dtype != DType::kF32) {
      for (std::int64_t slot = 0; slot < positions; ++slot) {
        WidenRow<Isa>(kv, block, slot, 0, width, tile.wide + slot * width);
      }
    }
    return LaneSpan{{rows, width, rows, width}, begin, positions};
  });
}

template <class Isa>
void AttendRows(const LaneArgs& args, const KeysAndValues& rows) {
  LaneTile<Isa> tile;
  AttendLanes<Isa>(args, tile, [&](std::int64_t begin, std::int64_t positions) {
    const std::int64_t row = begin - args.begin;
    return LaneSpan{
        {rows.keys + row * rows.key_stride, rows.key_stride, rows.values + row * rows.value_stride, rows.value_stride},
        begin,
        positions};
  });
}

template <class Isa>
void LoadRows(const LatentKvLayer& kv, const std::int32_t* block_table, std::int64_t begin, std::int64_t end,
              std::int64_t column, std::int64_t columns, float* out, std::int64_t out_stride) {
  for (std::int64_t p = begin; p < end; ++p, out += out_stride) {
    WidenRow<Isa>(kv, block_table[p / kKvBlock], p % kKvBlock, column, columns, out);
  }
}

template <class Isa>
void MergeState(const float* part, std::int64_t value_dim, float* state) {
  const float max = state[value_dim];
  const float part_max = part[value_dim];
  const float new_max = max > part_max ? max : part_max;
  alignas(64) float factors[Isa::kWidth] = {max - new_max, part_max - new_max};
  Isa::Store(factors, Isa::Exp2(Isa::Load(factors)));
  const float keep = factors[0];
  const float add = factors[1];
  for (std::int64_t d = 0; d < value_dim; ++d) state[d] = state[d] * keep + part[d] * add;
  state[value_dim] = new_max;
  state[value_dim + 1] = state[value_dim + 1] * keep + part[value_dim + 1] * add;
}

[[maybe_unused]] void FinishState(const float* state, std::int64_t value_dim, float* out) {
  const float sum = state[value_dim + 1];
  for (std::int64_t d = 0; d < value_dim; ++d) out[d] = state[d] / sum;
}

/// All of the latent's or of the key's columns.
template <class Isa>
void PutColumns(const LatentKvLayer& kv, std::int64_t block, std::int64_t slot, std::int64_t column,
                const float* values, std::int64_t count) {
  if (kv.dtype == DType::kF32) {
    float* row = kv.row<float>(block, slot) + column;
    for (std::int64_t d = 0; d < count; ++d) row[d] = values[d];
  } else if (kv.dtype == DType::kI8) {
    alignas(64) std::int16_t rounded[kLatentGroup];
    for (std::int64_t end = column; count > 0; column = end) {
      end = kv.group_end(column);
      const std::int64_t columns = end - column;
      kv.scale(block, slot, column) = Isa::RoundRow(values, columns, kMostI8, __builtin_inff(), rounded);
      auto* row = kv.row<std::int8_t>(block, slot) + column;
      for (std::int64_t d = 0; d < columns; ++d) row[d] = static_cast<std::int8_t>(rounded[d]);
      values += columns;
      count -= columns;
    }
  } else if (kv.dtype == DType::kF16) {
    Isa::Narrow(values, count, kv.row<std::uint16_t>(block, slot) + column);
  } else {
    auto* row = kv.row<std::uint16_t>(block, slot) + column;
    for (std::int64_t d = 0; d < count; ++d) row[d] = RoundBF16(values[d]);
  }
}

template <class Isa>
void StoreRows(const LatentStoreArgs& args, const SequenceRows& sequence, std::int64_t row_begin,
               std::int64_t row_end) {
  alignas(64) float cosine[kMaxLatentWidth / 2];
  alignas(64) float sine[kMaxLatentWidth / 2];
  alignas(64) float key[kMaxLatentWidth];
  const std::int64_t rope_dim = args.rope.rotary_dim;
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t position = sequence.position_begin + r;
    const std::int64_t row = sequence.row_begin + r;
    RopeAngles(args.rope.inv_freq, rope_dim / 2, position, args.rope.scale, cosine, sine);
    float* q = args.q + row * args.q_stride + args.head_dim - rope_dim;
    for (std::int64_t h = 0; h < args.heads; ++h) {
      Rotate(args.rope, 0, rope_dim / 2, cosine, sine, q + h * args.head_dim, q + h * args.head_dim);
    }
    Rotate(args.rope, 0, rope_dim / 2, cosine, sine, args.key + row * args.key_stride, key);
    const std::int32_t block = sequence.block_table[position / kKvBlock];
    const std::int64_t slot = position % kKvBlock;
    PutColumns<Isa>(args.kv, block, slot, 0, args.latent + row * args.latent_stride, args.kv_rank);
    PutColumns<Isa>(args.kv, block, slot, args.kv_rank, key, rope_dim);
  }
}

template <class Isa>
constexpr LatentKernel MakeLatentKernel(std::string_view name,
                                        std::string (*refuses)(std::int64_t, std::int64_t, const CpuFeatures&)) {
  return {name,          LaneTile<Isa>::kLanes, refuses,         StoreRows<Isa>,
          LoadRows<Isa>, AttendCache<Isa>,      AttendRows<Isa>, MergeState<Isa>,
          FinishState};
}

}  // namespace
}  // namespace strata::kernels
