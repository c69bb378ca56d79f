// Inside the kernels only: flash attention over the paged cache, as every vector instruction set does it. Pairs of
// (row, query head) of one KV head pass over spans of 64 tokens, a few of them (a tile) at once. A span of a cache that
// is not f32 is widened once for all, unless it is bf16 and the instruction set has dot products of bf16 pairs: then
// queries and weights are rounded to bf16 instead. The softmax runs from span to span of 64 positions counted from 0
// and anew at each kAttentionSplit, so a row's bits depend on its position alone; spans that a window or chunk hides
// from all rows are passed over, which changes no bit. Each file that includes this gets its own copy, compiled for its
// instruction set, which it passes as Isa:
//
//   struct Isa {
//     static constexpr int kTilePairs;
//     static constexpr bool kPairDots;  // Scores and Values take Span<BF16Pair> too, and Round is there
//     static void Round(const float*, std::int64_t count, BF16Pair* bf16);            // count: a multiple of 16
//     static void Widen(const std::uint16_t* f16, std::int64_t count, float* out);   // count: a multiple of 16
//     static void Narrow(const float*, std::int64_t count, std::uint16_t* f16);      // clamped; any count
//     static float Exp2(float);                                                       // of x <= 0
//     static void Norm(const float* x, const float* weight, float eps, std::int64_t count, float* out);  // RMS
//     static void Cap(float inner, float outer, float* scores);  // outer * tanh(inner * score), kSpan of them
//     template <int kPairs> static void Scores(const Span<float>&, std::int64_t head_dim, AttentionTile<kTilePairs>&);
//     template <int kPairs, bool kHides>  // kHides: positions before AttentionTile::first may be in the span
//     static void Softmax(std::int64_t begin, float scale_log2, AttentionTile<kTilePairs>&);
//     template <int kPairs> static void Values(const Span<float>&, std::int64_t head_dim, AttentionTile<kTilePairs>&);
//   };
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

constexpr int kSpanBlocks = 4;
constexpr std::int64_t kSpan = kSpanBlocks * kKvBlock;
constexpr float kNever = -1e30f;  // a masked score, in units of log2: its exponential is 0, and never NaN

enum class BF16Pair : std::uint32_t {};  ///< the first in the lower half

/// Pairs in the order of their rows, and what is carried from span to span.
template <int kPairs>
struct AttentionTile {
  const float* q[kPairs];
  const BF16Pair* rounded_q[kPairs];  ///< of instruction sets with kPairDots, for a cache of bf16
  float* out[kPairs];                 ///< the running, unnormalised output
  std::int64_t position[kPairs];
  std::int64_t first[kPairs];  ///< position that it sees; no less than that of the pair before
  float max[kPairs];
  float sum[kPairs];
  float correction[kPairs];
  float (*weights)[kSpan];  ///< scores, then exp(score - max); 64-byte aligned, of the tile at work
};

/// T: float, or BF16Pair; laid out as in KvLayer.
template <class T>
struct Span {
  std::int64_t begin;   ///< first position
  std::int64_t tokens;  ///< positions that the tile's last row may see
  std::int64_t blocks;  ///< that hold them
  const T* k[kSpanBlocks];
  const T* v[kSpanBlocks];
};

/// What becomes of a score before the softmax, which is taken in powers of two: factor * score, or
/// outer * tanh(inner * score).
struct ScoreRule {
  float factor = 1;
  float inner = 0, outer = 0;  ///< outer 0: not capped

  explicit ScoreRule(const AttentionArgs& args) {
    if (args.softcap == 0) {
      factor = args.scale * kLog2E;
    } else {
      inner = args.scale / args.softcap;
      outer = args.softcap * kLog2E;
    }
  }
};

constexpr int kTilesAtOnce = 16;

/// The pairs of some rows that pass over the cache together.
template <class Isa>
struct PairSet {
  using Tile = AttentionTile<Isa::kTilePairs>;
  static constexpr std::int64_t kMost = kTilesAtOnce * Isa::kTilePairs;

  alignas(64) float weights[Isa::kTilePairs][kSpan];
  alignas(64) BF16Pair rounded_q[Isa::kPairDots ? kMost : 1][kMaxHeadDim / 2];
  Tile tiles[kTilesAtOnce];
  std::int64_t pairs;

  Tile& tile(std::int64_t pair) { return tiles[pair / Isa::kTilePairs]; }
  static std::int64_t place(std::int64_t pair) { return pair % Isa::kTilePairs; }
  std::int64_t count(std::int64_t first) const {
    return pairs - first < Isa::kTilePairs ? pairs - first : Isa::kTilePairs;
  }
};

template <class Isa, class T, int kPairs = Isa::kTilePairs>
void AttendSpan(const Span<T>& span, std::int64_t dim, const ScoreRule& rule, std::int64_t pairs,
                AttentionTile<Isa::kTilePairs>& tile) {
  if constexpr (kPairs > 1) {
    if (pairs < kPairs) return AttendSpan<Isa, T, kPairs - 1>(span, dim, rule, pairs, tile);
  }
  Isa::template Scores<kPairs>(span, dim, tile);
  if (rule.outer != 0) {
    for (int i = 0; i < kPairs; ++i) Isa::Cap(rule.inner, rule.outer, tile.weights[i]);
  }
  if (tile.first[kPairs - 1] > span.begin) {
    Isa::template Softmax<kPairs, true>(span.begin, rule.factor, tile);
  } else {
    Isa::template Softmax<kPairs, false>(span.begin, rule.factor, tile);
  }
  Isa::template Values<kPairs>(span, dim, tile);
}

/// Rows 2i and 2i + 1 of out, [width] each, are the first and the second of row i of the pairs.
inline void WidenPairs(const BF16Pair* pairs, std::int64_t rows, std::int64_t width, float* out) {
  for (std::int64_t r = 0; r < rows; ++r, pairs += width, out += 2 * width) {
    for (std::int64_t i = 0; i < width; ++i) {
      const auto bits = static_cast<std::uint32_t>(pairs[i]);
      out[i] = std::bit_cast<float>(bits << 16);
      out[width + i] = std::bit_cast<float>(bits & 0xffff0000);
    }
  }
}

/// One block of the cache as Span<float> has it, [2][kKvBlock * dim]; of V only `tokens` positions: what is behind the
/// last was never written.
template <class Isa>
void WidenBlock(const KvLayer& kv, std::int32_t block, std::int64_t head, std::int64_t tokens, float* k, float* v) {
  const std::int64_t dim = kv.head_dim;
  const auto* stored_k = kv.block_k<std::uint16_t>(block, head);
  const auto* stored_v = kv.block_v<std::uint16_t>(block, head);
  if (kv.dtype == DType::kF16) {
    Isa::Widen(stored_k, kKvBlock * dim, k);
    Isa::Widen(stored_v, tokens * dim, v);
  } else {
    WidenPairs(reinterpret_cast<const BF16Pair*>(stored_k), dim / 2, kKvBlock, k);
    WidenPairs(reinterpret_cast<const BF16Pair*>(stored_v), (tokens + 1) / 2, dim, v);
  }
}

/// The stretch of kAttentionSplit positions that it is in.
inline std::int64_t SplitOf(std::int64_t position) { return position / kAttentionSplit; }

/// Positions [begin, end) for all pairs, anew: out, max and sum of each are of these alone.
/// T: what the span's loops multiply; kStored: it lies so in the cache.
template <class Isa, class T, bool kStored>
void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, PairSet<Isa>& set) {
  const std::int64_t dim = args.head_dim;
  const ScoreRule rule(args);
  for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
    auto& tile = set.tile(pair);
    tile.max[set.place(pair)] = kNever;
    tile.sum[set.place(pair)] = 0.0f;
    for (std::int64_t d = 0; d < dim; ++d) tile.out[set.place(pair)][d] = 0.0f;
  }
  const std::int64_t last = set.tile(set.pairs - 1).position[set.place(set.pairs - 1)];
  end = end < last + 1 ? end : last + 1;
  const std::int64_t first_span = set.tile(0).first[0] / kSpan * kSpan;
  begin = begin > first_span ? begin : first_span;
  alignas(64) float wide[kStored ? 1 : 2 * kSpan * kMaxHeadDim];
  for (; begin < end; begin += kSpan) {
    Span<T> all{.begin = begin, .tokens = end - begin < kSpan ? end - begin : kSpan, .blocks = 0, .k = {}, .v = {}};
    all.blocks = (all.tokens + kKvBlock - 1) / kKvBlock;
    for (std::int64_t b = 0; b < all.blocks; ++b) {
      const std::int32_t block = sequence.block_table[begin / kKvBlock + b];
      if constexpr (kStored) {
        using Stored = std::conditional_t<std::is_same_v<T, float>, float, std::uint16_t>;
        all.k[b] = reinterpret_cast<const T*>(args.kv.block_k<Stored>(block, kv_head));
        all.v[b] = reinterpret_cast<const T*>(args.kv.block_v<Stored>(block, kv_head));
      } else {
        float* to = wide + 2 * b * kKvBlock * dim;
        const std::int64_t tokens = all.tokens - b * kKvBlock < kKvBlock ? all.tokens - b * kKvBlock : kKvBlock;
        WidenBlock<Isa>(args.kv, block, kv_head, tokens, to, to + kKvBlock * dim);
        all.k[b] = to;
        all.v[b] = to + kKvBlock * dim;
      }
    }
    for (std::int64_t first = 0; first < set.pairs; first += Isa::kTilePairs) {
      auto& tile = set.tile(first);
      const std::int64_t count = set.count(first);
      const std::int64_t visible = tile.position[count - 1] + 1 - begin;
      if (visible <= 0 || tile.first[0] >= begin + kSpan) continue;
      Span<T> span = all;
      span.tokens = all.tokens < visible ? all.tokens : visible;
      span.blocks = (span.tokens + kKvBlock - 1) / kKvBlock;
      AttendSpan<Isa, T>(span, dim, rule, count, tile);
    }
  }
}

template <class Isa>
void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, PairSet<Isa>& set) {
  if (args.kv.dtype == DType::kF32) {
    return AttendStretch<Isa, float, true>(args, sequence, kv_head, begin, end, set);
  }
  if constexpr (Isa::kPairDots) {
    if (args.kv.dtype == DType::kBF16) {
      return AttendStretch<Isa, BF16Pair, true>(args, sequence, kv_head, begin, end, set);
    }
  }
  AttendStretch<Isa, float, false>(args, sequence, kv_head, begin, end, set);
}

/// Adds a stretch to those before it. One that a row does not reach changes no bit.
template <class Isa>
void MergeStretch(float part_max, float part_sum, const float* part, std::int64_t dim, float& max, float& sum,
                  float* out) {
  const float new_max = max > part_max ? max : part_max;
  const float keep = Isa::Exp2(max - new_max);
  const float add = Isa::Exp2(part_max - new_max);
  for (std::int64_t d = 0; d < dim; ++d) out[d] = out[d] * keep + part[d] * add;
  sum = sum * keep + part_sum * add;
  max = new_max;
}

/// The output that the softmax's sum makes of the running one, with the head's sink in that sum.
template <class Isa>
void Normalise(const AttentionArgs& args, std::int64_t head, float max, float sum, float* out) {
  if (args.sinks != nullptr) {
    const float sink = args.sinks[head] * kLog2E;
    const float new_max = max > sink ? max : sink;
    const float keep = Isa::Exp2(max - new_max);
    sum = (sum * keep + Isa::Exp2(sink - new_max)) / keep;  // infinite where the sink leaves nothing to the others
  }
  for (std::int64_t d = 0; d < args.head_dim; ++d) out[d] /= sum;
}

/// Row (of the sequence's in this step) and query head of a pair.
struct PairPlace {
  std::int64_t row, head;
};

inline PairPlace PlaceOf(const AttentionArgs& args, std::int64_t kv_head, std::int64_t row_begin, std::int64_t pair) {
  const std::int64_t group = args.heads / args.kv_heads;
  return {row_begin + pair / group, kv_head * group + pair % group};
}

/// Calls work(set, first) for the pairs of the rows, as many at once as fit: pair i of set is pair first + i of the
/// rows. work sets where the outputs go.
template <class Isa, class Work>
void ForPairs(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
              std::int64_t row_end, const Work& work) {
  const std::int64_t all = (row_end - row_begin) * (args.heads / args.kv_heads);
  PairSet<Isa> set;
  for (std::int64_t first = 0; first < all; first += set.kMost) {
    set.pairs = all - first < set.kMost ? all - first : set.kMost;
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const PairPlace place = PlaceOf(args, kv_head, row_begin, first + pair);
      auto& tile = set.tile(pair);
      tile.weights = set.weights;
      tile.q[set.place(pair)] = args.query(sequence, place.row, place.head);
      if constexpr (Isa::kPairDots) {
        if (args.kv.dtype == DType::kBF16) {
          Isa::Round(tile.q[set.place(pair)], args.head_dim, set.rounded_q[pair]);
          tile.rounded_q[set.place(pair)] = set.rounded_q[pair];
        }
      }
      tile.position[set.place(pair)] = args.last_seen(sequence, place.row);
      tile.first[set.place(pair)] = args.first_seen(sequence.position_begin + place.row);
    }
    work(set, first);
  }
}

template <class Isa>
void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  const std::int64_t end = args.last_seen(sequence, row_end - 1) + 1;
  const auto output = [&](std::int64_t pair) {
    const PairPlace place = PlaceOf(args, kv_head, row_begin, pair);
    return args.output(sequence, place.row, place.head);
  };
  alignas(64) float parts[PairSet<Isa>::kMost * kMaxHeadDim];
  ForPairs<Isa>(args, sequence, kv_head, row_begin, row_end, [&](PairSet<Isa>& set, std::int64_t first) {
    float max[PairSet<Isa>::kMost];
    float sum[PairSet<Isa>::kMost];
    // Of the stretches that a pair sees, the first begins its output and the others are added to it.
    const auto begins = [&](std::int64_t pair, std::int64_t begin) {
      return SplitOf(set.tile(pair).first[set.place(pair)]) == SplitOf(begin);
    };
    for (std::int64_t begin = SplitOf(set.tile(0).first[0]) * kAttentionSplit; begin < end; begin += kAttentionSplit) {
      for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
        set.tile(pair).out[set.place(pair)] = begins(pair, begin) ? output(first + pair) : parts + pair * dim;
      }
      AttendStretch<Isa>(args, sequence, kv_head, begin, begin + kAttentionSplit, set);
      for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
        const auto& tile = set.tile(pair);
        const std::int64_t i = set.place(pair);
        if (begins(pair, begin)) {
          max[pair] = tile.max[i];
          sum[pair] = tile.sum[i];
        } else if (tile.first[i] < begin && tile.position[i] >= begin) {
          MergeStretch<Isa>(tile.max[i], tile.sum[i], tile.out[i], dim, max[pair], sum[pair], output(first + pair));
        }
      }
    }
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const std::int64_t head = PlaceOf(args, kv_head, row_begin, first + pair).head;
      Normalise<Isa>(args, head, max[pair], sum[pair], output(first + pair));
    }
  });
}

template <class Isa>
void AttendPart(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
                std::int64_t row_end, std::int64_t split) {
  if (SplitOf(args.first_seen(sequence.position_begin + row_begin)) > split) return;  // no row sees it
  const std::int64_t begin = split * kAttentionSplit;
  ForPairs<Isa>(args, sequence, kv_head, row_begin, row_end, [&](PairSet<Isa>& set, std::int64_t first) {
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const PairPlace place = PlaceOf(args, kv_head, row_begin, first + pair);
      set.tile(pair).out[set.place(pair)] = args.partial(sequence, place.row, place.head, split);
    }
    AttendStretch<Isa>(args, sequence, kv_head, begin, begin + kAttentionSplit, set);
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const auto& tile = set.tile(pair);
      tile.out[set.place(pair)][args.head_dim] = tile.max[set.place(pair)];
      tile.out[set.place(pair)][args.head_dim + 1] = tile.sum[set.place(pair)];
    }
  });
}

template <class Isa>
void Merge(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
           std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  const std::int64_t pairs = (row_end - row_begin) * (args.heads / args.kv_heads);
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const PairPlace place = PlaceOf(args, kv_head, row_begin, pair);
    float* out = args.output(sequence, place.row, place.head);
    const std::int64_t position = sequence.position_begin + place.row;
    std::int64_t split = SplitOf(args.first_seen(position));
    const float* part = args.partial(sequence, place.row, place.head, split);
    for (std::int64_t d = 0; d < dim; ++d) out[d] = part[d];
    float max = part[dim];
    float sum = part[dim + 1];
    while (++split <= SplitOf(args.last_seen(sequence, place.row))) {
      part = args.partial(sequence, place.row, place.head, split);
      MergeStretch<Isa>(part[dim], part[dim + 1], part, dim, max, sum, out);
    }
    Normalise<Isa>(args, place.head, max, sum, out);
  }
}

}  // namespace
}  // namespace strata::kernels
