// Inside the kernels only: flash attention over the paged cache, as every vector instruction set does it. Pairs of
// (row, query head) of one KV head pass over spans of 64 tokens, a few of them (a tile) at once. What a span's loops
// multiply is its Kind: floats, pairs of bf16, or pairs of integers with a scale for each row; of the latter two
// queries and weights are rounded to the same. A span that is not stored as a kind that the instruction set multiplies
// is widened once for all pairs. The softmax runs from span to span of 64 positions counted from 0 and anew at each
// kAttentionSplit, so a row's bits depend on its position alone; spans that a window or chunk hides from all rows are
// passed over, which changes no bit. Each file that includes this gets its own copy, compiled for its instruction set,
// which it passes as Isa:
//
//   struct Isa {
//     static constexpr int kTilePairs;
//     static constexpr bool kBF16Dots;     // Scores and Values take Span<BF16Kind> too, and RoundBF16Pairs is there
//     static constexpr bool kIntegerDots;  // so for Span<I16Kind> and Span<I8Kind>
//     static void RoundBF16Pairs(const float*, std::int64_t count, Pair* bf16);       // count: a multiple of 16
//     static void Widen(const std::uint16_t* f16, std::int64_t count, float* out);   // count: a multiple of 16
//     static void Narrow(const float*, std::int64_t count, std::uint16_t* f16);      // clamped; any count
//     static float RoundRow(const float*, std::int64_t count, float most, float longest, std::int16_t* out);
//     static float Exp2(float);                                                       // of x <= 0
//     static void Norm(const float* x, const float* weight, float eps, std::int64_t count, float* out);  // RMS
//     static void Cap(float inner, float outer, float* scores);  // outer * tanh(inner * score), kSpan of them
//     template <int kPairs> static void Scores(const Span<FloatKind>&, std::int64_t head_dim, Tile&);
//     template <int kPairs, bool kHides>  // kHides: some pair does not see all of the span
//     static void Softmax(std::int64_t begin, float scale_log2, Tile&);
//     template <int kPairs> static void Values(const Span<FloatKind>&, std::int64_t head_dim, Tile&);
//   };
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/attention_store.h"
#include "kernels/attention_widen.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

constexpr int kSpanBlocks = 4;
constexpr std::int64_t kSpan = kSpanBlocks * kKvBlock;
constexpr float kNever = -1e30f;  // a masked score: its exponential is 0, and never NaN

/// What a span's loops multiply, kWidth in a Value; Stored: KvLayer's T.
struct FloatKind {
  using Value = float;
  using Stored = float;
  static constexpr std::int64_t kWidth = 1;
};
struct BF16Kind {
  using Value = Pair;
  using Stored = std::uint16_t;
  static constexpr std::int64_t kWidth = 2;
};
struct I16Kind {
  using Value = Pair;
  using Stored = std::int16_t;
  static constexpr std::int64_t kWidth = 2;
};
struct I8Kind {
  using Value = BytePair;
  using Stored = std::int8_t;
  static constexpr std::int64_t kWidth = 2;
};

/// Pairs in the order of their rows, and what is carried from span to span.
template <int kPairs>
struct AttentionTile {
  static constexpr int kLanes = 16;  ///< so that one vector has what is one number a pair
  alignas(64) float max[kLanes];
  alignas(64) float sum[kLanes];
  alignas(64) float correction[kLanes];
  const float* q[kPairs];
  const Pair* rounded_q[kPairs];  ///< bf16 or integers, as the cache's kind has it
  float q_scale[kPairs];          ///< of integers
  float* out[kPairs];             ///< the running, unnormalised output
  std::int64_t position[kPairs];
  std::int64_t first[kPairs];  ///< position that it sees; no less than that of the pair before
  float (*weights)[kSpan];     ///< scores, then exp(score - max); 64-byte aligned, of the tile at work
};

/// Laid out as in KvLayer.
template <class Kind>
struct Span {
  std::int64_t begin;   ///< first position
  std::int64_t tokens;  ///< positions that the tile's last row may see
  std::int64_t blocks;  ///< that hold them
  const typename Kind::Value* k[kSpanBlocks];
  const typename Kind::Value* v[kSpanBlocks];
  const float* k_scales[kSpanBlocks];  ///< of integers
  const float* v_scales[kSpanBlocks];
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
constexpr int kFewTiles = 2;

/// The pairs of some rows that pass over the cache together.
template <class Isa>
struct PairSet {
  using Tile = AttentionTile<Isa::kTilePairs>;
  static constexpr std::int64_t kMost = kTilesAtOnce * Isa::kTilePairs;

  alignas(64) float weights[Isa::kTilePairs][kSpan];
  alignas(64) Pair rounded_q[Isa::kBF16Dots || Isa::kIntegerDots ? kMost : 1][kMaxHeadDim / 2];
  Tile tiles[kTilesAtOnce];
  std::int64_t pairs;

  Tile& tile(std::int64_t pair) { return tiles[pair / Isa::kTilePairs]; }
  static std::int64_t place(std::int64_t pair) { return pair % Isa::kTilePairs; }
  std::int64_t count(std::int64_t first) const {
    return pairs - first < Isa::kTilePairs ? pairs - first : Isa::kTilePairs;
  }
};

template <class Isa, class Kind, int kPairs = Isa::kTilePairs>
void AttendSpan(const Span<Kind>& span, std::int64_t dim, const ScoreRule& rule, std::int64_t pairs,
                AttentionTile<Isa::kTilePairs>& tile) {
  if constexpr (kPairs > 1) {
    if (pairs < kPairs) return AttendSpan<Isa, Kind, kPairs - 1>(span, dim, rule, pairs, tile);
  }
  Isa::template Scores<kPairs>(span, dim, tile);
  if (rule.outer != 0) {
    for (int i = 0; i < kPairs; ++i) Isa::Cap(rule.inner, rule.outer, tile.weights[i]);
  }
  if (tile.first[kPairs - 1] > span.begin || tile.position[0] < span.begin + kSpan - 1) {
    Isa::template Softmax<kPairs, true>(span.begin, rule.factor, tile);
  } else {
    Isa::template Softmax<kPairs, false>(span.begin, rule.factor, tile);
  }
  Isa::template Values<kPairs>(span, dim, tile);
}

/// The stretch of kAttentionSplit positions that it is in.
inline std::int64_t SplitOf(std::int64_t position) { return position / kAttentionSplit; }

/// kStored: the cache holds the kind itself.
template <class Isa, class Kind, bool kStored>
void FillSpan(const KvLayer& kv, const std::int32_t* blocks, std::int64_t head, typename Kind::Value* wide,
              Span<Kind>& span) {
  for (std::int64_t b = 0; b < span.blocks; ++b) {
    const std::int32_t block = blocks[b];
    if constexpr (kStored) {
      span.k[b] = reinterpret_cast<const typename Kind::Value*>(kv.block_k<typename Kind::Stored>(block, head));
      span.v[b] = reinterpret_cast<const typename Kind::Value*>(kv.block_v<typename Kind::Stored>(block, head));
    } else {
      const std::int64_t half = kKvBlock * kv.head_dim / Kind::kWidth;
      const std::int64_t tokens = span.tokens - b * kKvBlock < kKvBlock ? span.tokens - b * kKvBlock : kKvBlock;
      typename Kind::Value* to = wide + 2 * b * half;
      WidenBlock<Isa>(kv, block, head, tokens, to, to + half);
      span.k[b] = to;
      span.v[b] = to + half;
    }
    if constexpr (std::is_same_v<Kind, I16Kind> || std::is_same_v<Kind, I8Kind>) {
      span.k_scales[b] = kv.k_scales(block, head);
      span.v_scales[b] = kv.v_scales(block, head);
    }
  }
}

/// Positions [begin, end) for all pairs, anew: out, max and sum of each are of these alone.
template <class Isa, class Kind, bool kStored>
void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, PairSet<Isa>& set) {
  const std::int64_t dim = args.head_dim;
  const ScoreRule rule(args);
  for (std::int64_t first = 0; first < set.pairs; first += Isa::kTilePairs) {
    auto& tile = set.tile(first);
    for (int lane = 0; lane < tile.kLanes; ++lane) tile.max[lane] = kNever;
    for (int lane = 0; lane < tile.kLanes; ++lane) tile.sum[lane] = 0.0f;
    for (std::int64_t i = 0; i < set.count(first); ++i) {
      for (std::int64_t d = 0; d < dim; ++d) tile.out[i][d] = 0.0f;
    }
  }
  const std::int64_t last = set.tile(set.pairs - 1).position[set.place(set.pairs - 1)];
  end = end < last + 1 ? end : last + 1;
  const std::int64_t first_span = set.tile(0).first[0] / kSpan * kSpan;
  begin = begin > first_span ? begin : first_span;
  alignas(64) typename Kind::Value wide[kStored ? 1 : 2 * kSpan * kMaxHeadDim / Kind::kWidth];
  for (; begin < end; begin += kSpan) {
    Span<Kind> all{.begin = begin,
                   .tokens = end - begin < kSpan ? end - begin : kSpan,
                   .blocks = 0,
                   .k = {},
                   .v = {},
                   .k_scales = {},
                   .v_scales = {}};
    all.blocks = (all.tokens + kKvBlock - 1) / kKvBlock;
    FillSpan<Isa, Kind, kStored>(args.kv, sequence.block_table + begin / kKvBlock, kv_head, wide, all);
    for (std::int64_t first = 0; first < set.pairs; first += Isa::kTilePairs) {
      auto& tile = set.tile(first);
      const std::int64_t count = set.count(first);
      const std::int64_t visible = tile.position[count - 1] + 1 - begin;
      if (visible <= 0 || tile.first[0] >= begin + kSpan) continue;
      Span<Kind> span = all;
      span.tokens = all.tokens < visible ? all.tokens : visible;
      span.blocks = (span.tokens + kKvBlock - 1) / kKvBlock;
      AttendSpan<Isa, Kind>(span, dim, rule, count, tile);
    }
  }
}

template <class Isa>
void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, PairSet<Isa>& set) {
  const auto attend = [&]<class Kind, bool kStored>() {
    AttendStretch<Isa, Kind, kStored>(args, sequence, kv_head, begin, end, set);
  };
  if (args.kv.dtype == DType::kF32) return attend.template operator()<FloatKind, true>();
  if constexpr (Isa::kBF16Dots) {
    if (args.kv.dtype == DType::kBF16) return attend.template operator()<BF16Kind, true>();
  }
  if constexpr (Isa::kIntegerDots) {
    if (args.kv.dtype == DType::kI16) return attend.template operator()<I16Kind, true>();
    if (args.kv.dtype == DType::kI8) {
      // Integers are exact: both ways give the same bits. Few pairs do not pay for widening once more.
      if (set.pairs <= kFewTiles * Isa::kTilePairs) return attend.template operator()<I8Kind, true>();
      return attend.template operator()<I16Kind, false>();
    }
  }
  attend.template operator()<FloatKind, false>();
}

/// Adds a stretch to those before it. One that a row does not reach changes no bit.
template <class Isa>
void MergeStretch(float part_max, float part_sum, const float* part, std::int64_t dim, float& max, float& sum,
                  float* out) {
  const bool grows = part_max > max;
  const float power = Isa::Exp2(grows ? max - part_max : part_max - max);
  const float keep = grows ? power : 1;
  const float add = grows ? 1 : power;
  for (std::int64_t d = 0; d < dim; ++d) out[d] = out[d] * keep + part[d] * add;
  sum = sum * keep + part_sum * add;
  max = grows ? part_max : max;
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
  const float inverse = 1 / sum;
  for (std::int64_t d = 0; d < args.head_dim; ++d) out[d] *= inverse;
}

/// As the cache's kind has it, where that is multiplied as it is.
template <class Isa>
void RoundQuery(const AttentionArgs& args, std::int64_t pair, PairSet<Isa>& set) {
  auto& tile = set.tile(pair);
  const std::int64_t i = set.place(pair);
  if constexpr (Isa::kBF16Dots || Isa::kIntegerDots) tile.rounded_q[i] = set.rounded_q[pair];
  if constexpr (Isa::kBF16Dots) {
    if (args.kv.dtype == DType::kBF16) Isa::RoundBF16Pairs(tile.q[i], args.head_dim, set.rounded_q[pair]);
  }
  if constexpr (Isa::kIntegerDots) {
    if (HasScales(args.kv.dtype)) {
      auto* rounded = reinterpret_cast<std::int16_t*>(set.rounded_q[pair]);
      tile.q_scale[i] = Isa::RoundRow(tile.q[i], args.head_dim, kMostK, kLongestRow, rounded);
    }
  }
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
      RoundQuery(args, pair, set);
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

template <class Isa>
constexpr AttentionKernel MakeAttentionKernel(std::string_view name, decltype(AttentionKernel::refuses) refuses) {
  return {name, refuses, Isa::kIntegerDots, RopeStore<Isa>, Attend<Isa>, AttendPart<Isa>, Merge<Isa>};
}

}  // namespace
}  // namespace strata::kernels
