// Inside the kernels only: latent attention as every vector instruction set does it. Up to 2 kWidth lanes pass over the
// positions of a stretch in spans of one cache block: scores [positions][lanes], softmax lane by lane, values into the
// lanes' states. Queries, keys and values are read as they lie, vectors along their dimensions, in tiles of kQueries
// lanes: a score's order of summation depends on its width alone, and values go in the order of positions. Each file
// that includes this gets its own copy, compiled for its instruction set, which it passes as Isa:
//
//   struct Isa {
//     using Vector = ...;             // kWidth floats
//     static constexpr int kWidth;
//     static constexpr int kTile;     // by kQueries, positions (or vectors of a value) whose sums are in registers
//     static Vector Load(const float*); static void Store(float*, Vector); static Vector Set1(float);
//     static Vector LoadFirst(const float*, std::int64_t count);         // 0 < count < kWidth, zeros behind them
//     static void StoreFirst(float*, Vector, std::int64_t count);
//     static Vector Fma(Vector a, Vector b, Vector c);   // a b + c
//     static Vector Add(Vector, Vector); Sub; Mul; Max;
//     template <int kRows>                                               // of each vector, for kRows <= kTile
//     static void SumEach(const Vector (&)[kRows][kQueries], float (&sums)[kRows][kQueries]);
//     static Vector Exp2(Vector);                                        // of x <= 0
//     static Vector Where(Vector a, Vector limit, Vector yes, Vector no);   // yes where a <= limit
//     static void Widen(const std::uint16_t* f16, std::int64_t count, float* out);    // any count
//     static void Narrow(const float*, std::int64_t count, std::uint16_t* f16);      // clamped; any count
//     static float RoundRow(const float*, std::int64_t count, float most, float longest, std::int16_t* out);
//   };
#pragma once

#include <bit>
#include <cstdint>
#include <iterator>

#include "kernels/attention_store.h"
#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

constexpr float kUnseen = -1e30f;  // the score of what a lane does not see, in units of log2: never NaN, weight 0

/// Lanes whose sums are in registers together.
constexpr int kQueries = 4;

/// Of the lanes at work, over the span at hand: element l of each row is lane l's.
template <class Isa>
struct LaneTile {
  static constexpr std::int64_t kLanes = 2 * Isa::kWidth;
  alignas(64) float weight[kKvBlock][kLanes];  ///< scores, then exp(score - max)
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

/// Calls step(at, load) for the vectors of [0, count), of which the last may be part of one.
template <class Isa, class Step>
inline void ForVectors(std::int64_t count, const Step& step) {
  std::int64_t d = 0;
  for (; d + Isa::kWidth <= count; d += Isa::kWidth) step(d, Isa::Load);
  if (d < count) step(d, [&](const float* from) { return Isa::LoadFirst(from, count - d); });
}

/// Queries of kLanes lanes from `lane` on, by kRows positions of the span.
template <class Isa, int kLanes, int kRows>
inline void ScoreTile(const LaneArgs& args, const LaneSpan& span, std::int64_t lane, std::int64_t row,
                      LaneTile<Isa>& tile) {
  typename Isa::Vector sums[kRows][kQueries];
  const float* queries[kLanes];
  for (int l = 0; l < kLanes; ++l) queries[l] = args.lanes[static_cast<std::size_t>(lane + l)].query;
  for (auto& of_row : sums) {
    for (auto& sum : of_row) sum = Isa::Set1(0);
  }
  const float* keys = span.rows.keys + row * span.rows.key_stride;
  ForVectors<Isa>(args.key_dim, [&](std::int64_t d, const auto& load) {
    typename Isa::Vector query[kLanes];
    for (int l = 0; l < kLanes; ++l) query[l] = load(queries[l] + d);
    for (int r = 0; r < kRows; ++r) {
      const auto key = load(keys + r * span.rows.key_stride + d);
      for (int l = 0; l < kLanes; ++l) sums[r][l] = Isa::Fma(key, query[l], sums[r][l]);
    }
  });
  alignas(64) float scores[kRows][kQueries];
  Isa::SumEach(sums, scores);
  for (int r = 0; r < kRows; ++r) {
    for (int l = 0; l < kLanes; ++l) tile.weight[row + r][lane + l] = scores[r][l];
  }
}

template <class Isa>
void ScoreSpan(const LaneArgs& args, const LaneSpan& span, LaneTile<Isa>& tile) {
  InTiles<kQueries>(std::ssize(args.lanes), [&]<int kLanes>(std::int64_t lane) {
    InTiles<Isa::kTile>(span.positions, [&]<int kRows>(std::int64_t row) {
      ScoreTile<Isa, kLanes, kRows>(args, span, lane, row, tile);
    });
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

/// kVectors vectors of values from `first` on (load and store are of one), weighed for kLanes lanes.
template <class Isa, int kLanes, int kVectors, class Load, class Store>
inline void ValueTile(const LaneArgs& args, const LaneSpan& span, std::int64_t lane, std::int64_t first,
                      const LaneTile<Isa>& tile, const Load& load, const Store& store) {
  typename Isa::Vector out[kLanes][kVectors];
  float* states[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    states[l] = args.lanes[static_cast<std::size_t>(lane + l)].state + first;
    const auto correction = Isa::Set1(tile.correction[lane + l]);
    for (int v = 0; v < kVectors; ++v) out[l][v] = Isa::Mul(load(states[l] + v * Isa::kWidth), correction);
  }
  const float* values = span.rows.values + first;
  for (std::int64_t p = 0; p < span.positions; ++p, values += span.rows.value_stride) {
    typename Isa::Vector value[kVectors];
    for (int v = 0; v < kVectors; ++v) value[v] = load(values + v * Isa::kWidth);
    for (int l = 0; l < kLanes; ++l) {
      const auto weight = Isa::Set1(tile.weight[p][lane + l]);
      for (int v = 0; v < kVectors; ++v) out[l][v] = Isa::Fma(value[v], weight, out[l][v]);
    }
  }
  for (int l = 0; l < kLanes; ++l) {
    for (int v = 0; v < kVectors; ++v) store(states[l] + v * Isa::kWidth, out[l][v]);
  }
}

template <class Isa>
void ValueSpan(const LaneArgs& args, const LaneSpan& span, const LaneTile<Isa>& tile) {
  const std::int64_t vectors = args.value_dim / Isa::kWidth, rest = args.value_dim % Isa::kWidth;
  InTiles<kQueries>(std::ssize(args.lanes), [&]<int kLanes>(std::int64_t lane) {
    InTiles<Isa::kTile>(vectors, [&]<int kVectors>(std::int64_t vector) {
      ValueTile<Isa, kLanes, kVectors>(args, span, lane, vector * Isa::kWidth, tile, Isa::Load, Isa::Store);
    });
    if (rest == 0) return;
    ValueTile<Isa, kLanes, 1>(
        args, span, lane, vectors * Isa::kWidth, tile, [&](const float* from) { return Isa::LoadFirst(from, rest); },
        [&](float* to, typename Isa::Vector v) { Isa::StoreFirst(to, v, rest); });
  });
}

/// span_at(position, positions): the span that begins there.
template <class Isa, class SpanAt>
void AttendLanes(const LaneArgs& args, LaneTile<Isa>& tile, const SpanAt& span_at) {
  constexpr float kLog2 = 1.44269504f;  // the softmax is taken in powers of two
  const std::int64_t count = std::ssize(args.lanes);
  std::int64_t last = -1;
  for (std::int64_t l = 0; l < tile.kLanes; ++l) {
    tile.max[l] = kUnseen;
    tile.sum[l] = 0;
    tile.position[l] = -1;
    for (auto& of_position : tile.weight) of_position[l] = 0;
    if (l >= count) continue;
    const Lane& lane = args.lanes[static_cast<std::size_t>(l)];
    tile.position[l] = static_cast<float>(lane.position);
    last = last < lane.position ? lane.position : last;
    for (std::int64_t d = 0; d < args.value_dim; ++d) lane.state[d] = 0;
  }
  const std::int64_t end = args.end < last + 1 ? args.end : last + 1;
  for (std::int64_t begin = args.begin; begin < end; begin += kKvBlock) {
    const LaneSpan span = span_at(begin, end - begin < kKvBlock ? end - begin : kKvBlock);
    ScoreSpan(args, span, tile);
    if (count <= Isa::kWidth) {
      SoftmaxSpan<Isa, 1>(span, args.scale * kLog2, tile);
    } else {
      SoftmaxSpan<Isa, 2>(span, args.scale * kLog2, tile);
    }
    ValueSpan(args, span, tile);
  }
  for (std::int64_t l = 0; l < count; ++l) {
    float* state = args.lanes[static_cast<std::size_t>(l)].state;
    state[args.value_dim] = tile.max[l];
    state[args.value_dim + 1] = tile.sum[l];
  }
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
